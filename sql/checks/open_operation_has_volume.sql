SELECT
  o.id AS subject, 'an open ' || o.kind || ' of volume ' || o.volume || ', which does not exist' AS problem
FROM operations AS o
WHERE o.open_volume IS NOT NULL AND NOT EXISTS (SELECT 1 FROM volumes AS v WHERE v.id = o.volume
  AND v.state <> 'removed')
ORDER BY o.number;
