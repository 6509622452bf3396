-- What was asked of the Mesos master, newest first: by whom, why, and what came of it.
DROP VIEW IF EXISTS mesos_operations_status;
CREATE VIEW mesos_operations_status AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', o.recorded_at / 1000000000, 'unixepoch') AS recorded_at,
  o.kind AS kind,
  a.hostname AS hostname,
  o.agent AS agent,
  o.state AS state,
  nullif(o.outcome, 'none') AS outcome,
  nullif(o.role, '') AS role,
  nullif(o.resource, '') AS resource,
  CASE WHEN o.resource <> '' THEN o.amount_milli / 1000.0 END AS amount,
  nullif(o.persistence_id, '') AS persistence_id,
  CASE WHEN o.state IN ('failed', 'uncertain') THEN o.error_code || ': ' || o.error END AS error,
  nullif(o.reason, '') AS reason,
  nullif(o.user_uid, -1) AS user_uid,
  CASE WHEN o.ended_at <> 0 THEN strftime('%Y-%m-%dT%H:%M:%SZ', o.ended_at / 1000000000, 'unixepoch') END
    AS ended_at,
  o.id AS operation
FROM mesos_operations AS o
LEFT JOIN agents AS a ON a.id = o.agent
ORDER BY o.number DESC;
