-- History in words, oldest first: what changed, what caused it, by which rule, operation and evidence.
DROP VIEW IF EXISTS timeline;
CREATE VIEW timeline AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', y.at / 1000000000, 'unixepoch') AS at,
  y.kind AS kind,
  v.name AS volume,
  h.name AS host,
  y.text AS text,
  y.rule AS rule,
  nullif(y.operation, '') AS operation,
  e.kind AS evidence,
  nullif(y.task, '') AS task,
  nullif(y.framework, '') AS framework,
  nullif(y.user_uid, -1) AS user_uid,
  y.sequence AS sequence,
  y.number AS number
FROM history AS y
LEFT JOIN volumes AS v ON v.id = y.volume
LEFT JOIN hosts AS h ON h.id = y.host
LEFT JOIN evidence AS e ON e.id = y.evidence
ORDER BY y.number;
