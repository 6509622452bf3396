-- Also those that were detached: nobody knows what happened since the copy was made.
UPDATE attachments SET state = 'uncertain', read_back = 0, changed_at = :at
WHERE volume NOT IN (SELECT id FROM volumes WHERE state = 'removed');
