-- A task's or executor's claim on a volume is dead only by evidence.
SELECT 'claim ' || c.id AS subject, 'dead without evidence, on ' || v.name AS problem
FROM claims AS c JOIN volumes AS v ON v.id = c.volume
WHERE c.kind IN ('task', 'executor') AND c.liveness = 'dead' AND c.evidence IS NULL
ORDER BY c.id;
