-- A volume goes only when nothing holds it: no attachment (in the trash, and while it is removed, none of
-- ours; what is found there is the world's doing), and what is gone has no live claim.
SELECT v.name AS subject, v.state || ', but ' || wrong.what AS problem
FROM volumes AS v
JOIN (
  SELECT a.volume AS volume, a.state || ' on ' || h.name AS what, a.origin = 'found' AS found, 0 AS claimed
  FROM attachments AS a JOIN hosts AS h ON h.id = a.host
  WHERE a.state <> 'detached'
  UNION ALL
  SELECT c.volume, 'claim ' || c.id || ' is live', 0, 1 FROM claims AS c WHERE c.liveness = 'live'
) AS wrong ON wrong.volume = v.id
WHERE CASE v.state
    WHEN 'trashed' THEN NOT wrong.found AND NOT wrong.claimed
    WHEN 'removing' THEN NOT wrong.found AND NOT wrong.claimed
    WHEN 'removed' THEN 1
  END
ORDER BY v.id, wrong.what;
