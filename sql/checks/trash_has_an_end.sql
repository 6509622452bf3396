SELECT name AS subject, 'in the trash, but purge_after is not set' AS problem
FROM volumes WHERE state = 'trashed' AND purge_after = 0
ORDER BY id;
