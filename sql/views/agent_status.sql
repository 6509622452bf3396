-- One row an agent that Mesos has not forgotten: what it is in, by whose word and since when. host: of which
-- extvold takes it to be, which may be none that is known yet.
DROP VIEW IF EXISTS agent_status;
CREATE VIEW agent_status AS
SELECT
  h.name AS host,
  a.id AS agent,
  a.state AS state,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(a.state_since, 0) / 1000000000, 'unixepoch') AS since,
  nullif(a.state_source, 'none') AS source,
  a.drain_state AS drain,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(a.drain_since, 0) / 1000000000, 'unixepoch') AS drain_since,
  nullif(a.drain_source, 'none') AS drain_source,
  a.deactivated AS deactivated,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(a.deactivated_since, 0) / 1000000000, 'unixepoch')
    AS deactivated_since,
  nullif(a.deactivated_source, 'none') AS deactivated_source,
  a.maintenance AS maintenance,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(a.maintenance_start, 0) / 1000000000, 'unixepoch')
    AS maintenance_start,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(a.maintenance_since, 0) / 1000000000, 'unixepoch')
    AS maintenance_since,
  nullif(a.maintenance_source, 'none') AS maintenance_source,
  a.hostname AS hostname,
  a.address AS address,
  a.version AS version,
  a.host AS host_id
FROM agents AS a
LEFT JOIN hosts AS h ON h.id = a.host
ORDER BY h.name, a.id;
