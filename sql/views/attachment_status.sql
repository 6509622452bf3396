-- One row for each volume and host: what the provider was last seen to say, and the evidence that still
-- counts for it.
DROP VIEW IF EXISTS attachment_status;
CREATE VIEW attachment_status AS
SELECT
  v.name AS volume,
  h.name AS host,
  a.state AS state,
  a.origin AS origin,
  a.incarnation || '.' || a.counter AS generation,
  a.read_only AS read_only,
  a.mounted AS mounted,
  (SELECT group_concat(m.path, ', ') FROM (
    SELECT path FROM mounts WHERE volume = a.volume AND host = a.host ORDER BY path) AS m) AS mounts,
  a.device AS device,
  a.host_identity AS host_identity,
  a.boot_id AS boot_id,
  a.read_back AS read_back,
  (SELECT group_concat(
    e.kind || CASE e.grade WHEN 'proven' THEN '' ELSE ' (' || e.grade || ')' END, ', ') FROM (
    SELECT kind, grade FROM evidence
    WHERE volume = a.volume AND host = a.host AND void_reason = ''
      AND incarnation = a.incarnation AND counter = a.counter ORDER BY id) AS e) AS evidence,
  strftime('%Y-%m-%dT%H:%M:%SZ', a.changed_at / 1000000000, 'unixepoch') AS changed_at,
  a.volume AS volume_id,
  a.host AS host_id
FROM attachments AS a
JOIN volumes AS v ON v.id = a.volume
JOIN hosts AS h ON h.id = a.host
ORDER BY v.name, v.id, h.name;
