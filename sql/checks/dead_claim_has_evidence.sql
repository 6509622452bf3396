-- A task's or executor's claim on a volume is dead only by evidence; one of somebody unknown only by evidence
-- that speaks of the host itself.
SELECT
  'claim ' || c.id AS subject,
  'dead ' || coalesce('by ' || e.kind, 'without evidence') || ', on ' || v.name AS problem
FROM claims AS c
JOIN volumes AS v ON v.id = c.volume
LEFT JOIN evidence AS e ON e.id = c.evidence
WHERE c.liveness = 'dead' AND (
  (c.kind IN ('task', 'executor') AND c.evidence IS NULL)
  OR (c.kind = 'synthetic'
    AND coalesce(e.kind, '') NOT IN ('fenced', 'host_unmounted', 'host_rebooted', 'operator')))
ORDER BY c.id;
