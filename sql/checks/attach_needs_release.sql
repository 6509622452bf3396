-- The one promise, at the intent: an open attach of a single-writer volume to one host stands only where
-- each attachment on any other host was released by rule when the attach was recorded: fenced or confirmed
-- by an operator for that generation, or detached and read back. (That a read-back detach needs evidence
-- beside it where the provider does not enforce a detach is not visible here: what a provider can do is not
-- in the ledger.) An attachment of a newer generation came later; it is judged by its own intent.
SELECT
  v.name AS subject,
  'attach to ' || h.name || ' (' || o.id || ') while it is ' || other.state || ' on ' || oh.name
    || ', not released' AS problem
FROM operations AS o
JOIN volumes AS v ON v.id = o.volume
JOIN hosts AS h ON h.id = o.host
JOIN attachments AS other ON other.volume = o.volume AND other.host <> o.host
JOIN hosts AS oh ON oh.id = other.host
WHERE o.open_volume IS NOT NULL AND o.kind = 'attach' AND v.access = 'rw'
  AND (other.incarnation, other.counter) < (o.incarnation, o.counter)
  AND o.incarnation = (SELECT incarnation FROM ledger_meta)
  AND NOT (other.state = 'detached' AND other.read_back = 1)
  AND NOT EXISTS (
    SELECT 1 FROM evidence AS e
    WHERE e.volume = other.volume AND e.host = other.host
      AND e.incarnation = other.incarnation AND e.counter = other.counter
      -- a host that was switched off comes back with what is still attached to it
      AND (e.kind = 'operator' OR (e.kind = 'fenced'
        AND NOT EXISTS (SELECT 1 FROM fences AS f WHERE f.id = e.fence AND f.rung = 'power')))
      AND e.recorded_sequence <= o.recorded_sequence
      AND (e.void_sequence IS NULL OR e.void_sequence > o.recorded_sequence))
ORDER BY o.number, other.host;
