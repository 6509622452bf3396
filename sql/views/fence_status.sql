-- One row a fence: what it cuts off, whether it holds, who must act. Those that ended stay for as long as
-- retention keeps them.
DROP VIEW IF EXISTS fence_status;
CREATE VIEW fence_status AS
SELECT
  f.id AS id,
  h.name AS host,
  f.rung AS rung,
  f.state AS state,
  nullif(f.provider, '') AS provider,
  v.name AS volume,
  f.target AS target,
  CASE f.cooperative WHEN 1 THEN 'cooperative' ELSE 'proven' END AS grade,
  (SELECT group_concat(volume, ', ') FROM (
    SELECT cv.name AS volume FROM evidence AS e JOIN volumes AS cv ON cv.id = e.volume
    WHERE e.fence = f.id AND e.void_reason = '' ORDER BY cv.name)) AS proves,
  f.cause AS cause,
  f.seen AS seen,
  nullif(f.error, '') AS error,
  strftime('%Y-%m-%dT%H:%M:%SZ', f.recorded_at / 1000000000, 'unixepoch') AS recorded_at,
  CASE WHEN f.held_at <> 0
    THEN strftime('%Y-%m-%dT%H:%M:%SZ', f.held_at / 1000000000, 'unixepoch') END AS held_at,
  CASE WHEN f.ended_at <> 0
    THEN strftime('%Y-%m-%dT%H:%M:%SZ', f.ended_at / 1000000000, 'unixepoch') END AS ended_at,
  CASE WHEN f.expires_at <> 0
    THEN strftime('%Y-%m-%dT%H:%M:%SZ', f.expires_at / 1000000000, 'unixepoch') END AS expires_at
FROM fences AS f
JOIN hosts AS h ON h.id = f.host
LEFT JOIN volumes AS v ON v.id = f.volume
ORDER BY f.id;
