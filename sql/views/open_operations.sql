-- What was decided and has not ended: recorded (about to start), issued (a call is out), uncertain (it may
-- have happened).
DROP VIEW IF EXISTS open_operations;
CREATE VIEW open_operations AS
SELECT
  v.name AS volume,
  o.kind AS kind,
  h.name AS host,
  o.state AS state,
  o.attempt AS attempt,
  o.rule AS rule,
  o.cause AS cause,
  CASE o.state WHEN 'uncertain' THEN o.error_code || ': ' || o.error ELSE '' END AS error,
  strftime('%Y-%m-%dT%H:%M:%SZ', o.recorded_at / 1000000000, 'unixepoch') AS recorded_at,
  o.id AS operation,
  o.incarnation || '.' || o.counter AS generation
FROM operations AS o
JOIN volumes AS v ON v.id = o.volume
LEFT JOIN hosts AS h ON h.id = o.host
WHERE o.open_volume IS NOT NULL
ORDER BY o.recorded_at, o.number;
