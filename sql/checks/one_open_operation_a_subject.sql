-- The unique indexes and the CHECKs of both tables say the same; this one also holds for a file that lost
-- them.
SELECT subject, count(*) || ' open operations' AS problem
FROM (
  SELECT v.name AS subject, 'volume ' || o.volume AS of
  FROM operations AS o JOIN volumes AS v ON v.id = o.volume
  WHERE o.state IN ('recorded', 'issued', 'uncertain')
  UNION ALL
  SELECT agent, 'agent ' || agent FROM mesos_operations WHERE state IN ('recorded', 'issued', 'uncertain'))
GROUP BY of HAVING count(*) > 1
ORDER BY of;
