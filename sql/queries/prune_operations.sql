-- Not the newest of its volume, and not of a generation that an attachment still has.
DELETE FROM operations
WHERE ended_order IS NOT NULL AND ended_at < :older_than
  AND ended_order < (SELECT max(later.ended_order) FROM operations AS later
    WHERE later.volume = operations.volume)
  AND NOT EXISTS (
    SELECT 1 FROM attachments AS a
    WHERE a.volume = operations.volume AND a.host = operations.host
      AND a.incarnation = operations.incarnation AND a.counter = operations.counter);
