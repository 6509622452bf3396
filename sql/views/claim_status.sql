-- One row a claim: who wants which volume where, whether it is wanted and alive by the latest word, and how
-- that is known. A claim that names no volume of ours says why in `unresolved`.
DROP VIEW IF EXISTS claim_status;
CREATE VIEW claim_status AS
SELECT
  c.id AS claim,
  c.kind AS kind,
  v.name AS volume,
  nullif(c.unresolved, 'none') AS unresolved,
  c.name AS named,
  h.name AS host,
  c.agent AS agent,
  c.framework AS framework,
  c.task AS task,
  c.executor AS executor,
  c.container AS container,
  c.read_only AS read_only,
  c.task_state AS task_state,
  c.wanted AS wanted,
  c.liveness AS liveness,
  c.liveness_why AS why,
  e.kind AS evidence
FROM claims AS c
LEFT JOIN volumes AS v ON v.id = c.volume
LEFT JOIN agents AS g ON g.id = c.agent
LEFT JOIN hosts AS h ON h.id = CASE WHEN c.kind IN ('task', 'executor') THEN g.host ELSE c.host END
LEFT JOIN evidence AS e ON e.id = c.evidence
ORDER BY v.name, c.id;
