-- Evidence that counts speaks of the attachment that stands (not of an older or newer generation), and of a
-- claim of that volume and host, if that claim still exists (a claim of Mesos is where its agent is).
SELECT v.name AS subject, e.kind || ' evidence ' || e.id || ' counts, but its ' || wrong.what AS problem
FROM evidence AS e
JOIN volumes AS v ON v.id = e.volume
JOIN (
  SELECT e.id AS id, 'attachment has another generation' AS what
  FROM evidence AS e JOIN attachments AS a ON a.volume = e.volume AND a.host = e.host
  WHERE e.void_reason = '' AND e.counter <> 0 AND (a.incarnation <> e.incarnation OR a.counter <> e.counter)
  UNION ALL
  SELECT e.id, 'claim is of another volume or host'
  FROM evidence AS e JOIN claims AS c ON c.id = e.claim
  LEFT JOIN agents AS g ON g.id = c.agent
  WHERE e.void_reason = '' AND (
    c.volume IS NOT e.volume
    OR CASE WHEN c.kind IN ('task', 'executor') THEN g.host ELSE c.host END <> e.host)
  UNION ALL
  SELECT e.id, 'claim was never made'
  FROM evidence AS e JOIN ledger_meta AS m ON e.claim >= m.next_claim
  UNION ALL
  SELECT e.id, 'generation was never handed out'
  FROM evidence AS e JOIN ledger_meta AS m
    ON e.incarnation > m.incarnation OR (e.incarnation = m.incarnation AND e.counter >= m.next_generation)
) AS wrong ON wrong.id = e.id
ORDER BY e.id, wrong.what;
