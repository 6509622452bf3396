-- Evidence `fenced` that counts rests on a fence that holds, of that host, of that volume or its provider,
-- and with the identity that was recorded when attaching: never one that was looked up since.
SELECT v.name AS subject, 'evidence ' || e.id || ' counts as fenced, but ' || wrong.what AS problem
FROM evidence AS e
JOIN volumes AS v ON v.id = e.volume
JOIN (
  SELECT e.id AS id, 'no fence is named' AS what
  FROM evidence AS e WHERE e.void_reason = '' AND e.kind = 'fenced' AND e.fence IS NULL
  UNION ALL
  SELECT e.id, 'its fence ' || f.id || ' is ' || f.state
  FROM evidence AS e JOIN fences AS f ON f.id = e.fence
  WHERE e.void_reason = '' AND f.state <> 'held'
  UNION ALL
  SELECT e.id, 'its fence ' || f.id || ' is of another host'
  FROM evidence AS e JOIN fences AS f ON f.id = e.fence
  WHERE e.void_reason = '' AND f.host IS NOT e.host
  UNION ALL
  SELECT e.id, 'its fence ' || f.id || ' is of another volume or provider'
  FROM evidence AS e JOIN fences AS f ON f.id = e.fence JOIN volumes AS v ON v.id = e.volume
  WHERE e.void_reason = '' AND (
    (f.rung = 'volume' AND f.volume <> e.volume) OR (f.rung <> 'power' AND f.provider <> v.provider))
  UNION ALL
  SELECT e.id, 'its fence ' || f.id || ' names ' || f.target || f.fence_addresses
    || ', the attachment is of ' || a.host_identity || a.fence_addresses
  FROM evidence AS e
  JOIN fences AS f ON f.id = e.fence
  JOIN attachments AS a ON a.volume = e.volume AND a.host = e.host
  WHERE e.void_reason = '' AND f.rung <> 'power'
    AND (f.target <> a.host_identity OR f.fence_addresses <> a.fence_addresses)
  UNION ALL
  SELECT e.id, 'its fence ' || f.id || ' and it do not say the same of the host''s help'
  FROM evidence AS e JOIN fences AS f ON f.id = e.fence
  WHERE e.void_reason = '' AND (e.grade = 'cooperative') <> f.cooperative
) AS wrong ON wrong.id = e.id
ORDER BY e.id, wrong.what;
