-- Not what counts, not what a row names as its ground, not what speaks of a generation that an attachment
-- still has.
DELETE FROM evidence
WHERE void_reason <> '' AND request_sent_at < :older_than
  AND id NOT IN (SELECT evidence FROM claims WHERE evidence IS NOT NULL)
  AND id NOT IN (SELECT evidence FROM operations WHERE evidence IS NOT NULL)
  AND NOT EXISTS (
    SELECT 1 FROM attachments AS a
    WHERE a.volume = evidence.volume AND a.host = evidence.host
      AND a.incarnation = evidence.incarnation AND a.counter = evidence.counter);
