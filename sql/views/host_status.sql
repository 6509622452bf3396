-- One row a host: its agents as Mesos last named them, and what is attached there.
DROP VIEW IF EXISTS host_status;
CREATE VIEW host_status AS
WITH attached AS (
  SELECT
    host, sum(state = 'attached') AS attached, sum(state IN ('attaching', 'detaching')) AS moving,
    sum(state = 'uncertain') AS in_doubt
  FROM attachments GROUP BY host),
claimed AS (  -- a claim of Mesos is where its agent is
  SELECT
    CASE WHEN c.kind IN ('task', 'executor') THEN g.host ELSE c.host END AS host,
    sum(c.wanted) AS wanted, sum(c.liveness = 'unknown') AS unknown
  FROM claims AS c LEFT JOIN agents AS g ON g.id = c.agent GROUP BY 1),
registered AS (
  SELECT host, group_concat(id || ' ' || state, ', ') AS agents
  FROM (SELECT host, id, state FROM agents WHERE state <> 'removed' ORDER BY host, id) GROUP BY host)
SELECT
  h.name AS host,
  r.agents AS agents,
  coalesce(a.attached, 0) AS attached,
  coalesce(a.moving, 0) AS attachments_moving,
  coalesce(a.in_doubt, 0) AS attachments_in_doubt,
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
