-- What is not as desired while nothing is under way for it: why, who must act, when extvold looks again.
DROP VIEW IF EXISTS blocked;
CREATE VIEW blocked AS
SELECT
  v.name AS volume,
  h.name AS host,
  b.reason AS reason,
  b.owner AS owner,
  b.text AS text,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(b.since, 0) / 1000000000, 'unixepoch') AS since,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(b.next_look, 0) / 1000000000, 'unixepoch') AS next_look,
  b.volume AS volume_id
FROM blocks AS b
JOIN volumes AS v ON v.id = b.volume
LEFT JOIN hosts AS h ON h.id = b.host
ORDER BY v.name, v.id, h.name;
