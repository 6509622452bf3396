-- Of each volume what a new incarnation takes back: evidence, attachments, claims, open operations, a format
-- that was still to be made, a release by name.
SELECT
  v.id,
  (SELECT count(*) FROM evidence AS e WHERE e.volume = v.id AND e.void_reason = '') AS evidence,
  (SELECT count(*) FROM attachments AS a WHERE a.volume = v.id) AS attachments,
  (SELECT count(*) FROM claims AS c WHERE c.volume = v.id) AS claims,
  (SELECT count(*) FROM operations AS o WHERE o.open_volume = v.id) AS operations,
  v.format IN ('wanted', 'intended') AS format,
  v.hold = 'released' AS released
FROM volumes AS v WHERE v.state <> 'removed' ORDER BY v.id;
