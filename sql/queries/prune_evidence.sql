-- Not what counts, not what a claim (of the same volume) or an operation names as its ground, not what speaks
-- of a generation that an attachment still has. Oldest first.
DELETE FROM evidence
WHERE id IN (
  SELECT e.id FROM evidence AS e
  WHERE e.void_reason <> '' AND e.request_sent_at < :older_than
    AND NOT EXISTS (SELECT 1 FROM claims AS c WHERE c.volume = e.volume AND c.evidence = e.id)
    AND NOT EXISTS (SELECT 1 FROM operations AS o WHERE o.evidence = e.id)
    AND NOT EXISTS (
      SELECT 1 FROM attachments AS a
      WHERE a.volume = e.volume AND a.host = e.host
        AND a.incarnation = e.incarnation AND a.counter = e.counter)
  ORDER BY e.request_sent_at LIMIT :count);
