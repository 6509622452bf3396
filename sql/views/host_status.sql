-- One row a host: its agents as Mesos last named them, and what is attached there.
DROP VIEW IF EXISTS host_status;
CREATE VIEW host_status AS
WITH attached AS (
  SELECT host, sum(state = 'attached') AS attached, sum(state IN ('attaching', 'detaching',
  'uncertain')) AS moving
  FROM attachments GROUP BY host),
claimed AS (
  SELECT host, sum(wanted) AS wanted, sum(liveness = 'unknown') AS unknown
  FROM claims WHERE host IS NOT NULL GROUP BY host),
registered AS (
  SELECT host, group_concat(id || ' ' || state, ', ') AS agents
  FROM (SELECT host, id, state FROM agents WHERE state <> 'removed' ORDER BY host, id) GROUP BY host)
SELECT
  h.name AS host,
  r.agents AS agents,
  coalesce(a.attached, 0) AS attached,
  coalesce(a.moving, 0) AS attachments_in_doubt,
  coalesce(c.wanted, 0) AS claims_wanted,
  coalesce(c.unknown, 0) AS claims_unknown,
  h.hold AS hold,
  h.quarantined AS quarantined,
  h.quarantine_reason AS quarantine_reason,
  h.boot_id AS boot_id,
  h.id AS id
FROM hosts AS h
LEFT JOIN attached AS a ON a.host = h.id
LEFT JOIN claimed AS c ON c.host = h.id
LEFT JOIN registered AS r ON r.host = h.id
ORDER BY h.name;
