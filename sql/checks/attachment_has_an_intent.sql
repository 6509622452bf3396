-- Nothing of ours is attached without an operation that said so first (the operation is kept as long as the
-- attachment).
SELECT v.name AS subject, a.state || ' on ' || h.name || ' without an attach operation' AS problem
FROM attachments AS a
JOIN volumes AS v ON v.id = a.volume
JOIN hosts AS h ON h.id = a.host
WHERE a.origin = 'extvold' AND a.state IN ('attaching', 'attached')
  AND NOT EXISTS (
    SELECT 1 FROM operations AS o
    WHERE o.volume = a.volume AND o.host = a.host AND o.kind IN ('attach', 'format')
      AND o.incarnation = a.incarnation AND o.counter = a.counter)
ORDER BY a.volume, a.host;
