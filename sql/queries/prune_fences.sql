-- Not what evidence rests on. Oldest first.
DELETE FROM fences
WHERE id IN (
  SELECT f.id FROM fences AS f
  WHERE f.ended_at <> 0 AND f.ended_at < :older_than
    AND NOT EXISTS (SELECT 1 FROM evidence AS e WHERE e.fence = f.id)
  ORDER BY f.ended_at LIMIT :count);
