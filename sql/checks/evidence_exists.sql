-- What claims and operations name as their ground is there to be read.
SELECT what AS subject, 'names evidence ' || evidence || ', which does not exist' AS problem
FROM (
  SELECT 'claim ' || id AS what, evidence FROM claims WHERE evidence IS NOT NULL
  UNION ALL
  SELECT 'operation ' || id, evidence FROM operations WHERE evidence IS NOT NULL)
WHERE evidence NOT IN (SELECT id FROM evidence)
ORDER BY what;
