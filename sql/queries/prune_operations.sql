-- Not the newest of its volume, and not of a generation that an attachment still has. Oldest first.
DELETE FROM operations
WHERE number IN (
  SELECT o.number FROM operations AS o
  WHERE o.ended_order IS NOT NULL AND o.ended_at < :older_than
    AND o.ended_order < (SELECT max(later.ended_order) FROM operations AS later
      WHERE later.volume = o.volume)
    AND NOT EXISTS (
      SELECT 1 FROM attachments AS a
      WHERE a.volume = o.volume AND a.host = o.host
        AND a.incarnation = o.incarnation AND a.counter = o.counter)
  ORDER BY o.ended_at LIMIT :count);
