-- One row a volume that is not removed: what it is, where it is, who wants it, what is under way, what is
-- in the way.
DROP VIEW IF EXISTS volume_status;
CREATE VIEW volume_status AS
SELECT
  v.name AS volume,
  v.state AS state,
  v.provider || '~' || v.pool AS pool,
  v.size_mb AS size_mb,
  nullif(v.wanted_size_mb, 0) AS wanted_size_mb,
  v.iops AS iops,
  v.filesystem AS filesystem,
  v.access AS access,
  v.format AS format,
  (SELECT group_concat(x.name || CASE x.state WHEN 'attached' THEN '' ELSE ' (' || x.state || ')' END, ', ')
    FROM (
      SELECT h.name AS name, a.state AS state FROM attachments AS a JOIN hosts AS h ON h.id = a.host
      WHERE a.volume = v.id AND a.state <> 'detached' ORDER BY h.name) AS x) AS attached_to,
  (SELECT count(*) FROM claims AS c WHERE c.volume = v.id AND c.wanted = 1) AS claims_wanted,
  (SELECT count(*) FROM claims AS c WHERE c.volume = v.id AND c.liveness = 'unknown') AS claims_unknown,
  (SELECT o.kind || ' ' || o.state FROM operations AS o WHERE o.open_volume = v.id) AS operation,
  (SELECT group_concat(b.reason || ' (' || b.owner || ')', ', ') FROM (
    SELECT reason, owner FROM blocks WHERE volume = v.id ORDER BY host) AS b) AS blocked,
  v.hold AS hold,
  v.provider_ref AS provider_ref,
  v.id AS id
FROM volumes AS v
WHERE v.state <> 'removed'
ORDER BY v.name;
