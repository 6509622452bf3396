-- The one promise, in what stands: no single-writer volume that we attached while an older attachment on
-- another host was not released. Attachments that were found are the world's doing, those of an older
-- incarnation were put in doubt by a restore; both are reported elsewhere.
SELECT
  v.name AS subject,
  mine.state || ' on ' || h.name || ' while ' || other.state || ' on ' || oh.name
    || ' and not released' AS problem
FROM attachments AS mine
JOIN volumes AS v ON v.id = mine.volume
JOIN hosts AS h ON h.id = mine.host
JOIN attachments AS other ON other.volume = mine.volume AND other.host <> mine.host
JOIN hosts AS oh ON oh.id = other.host
LEFT JOIN operations AS o ON o.volume = mine.volume AND o.host = mine.host AND o.kind = 'attach'
  AND o.incarnation = mine.incarnation AND o.counter = mine.counter
WHERE v.access = 'rw' AND mine.origin = 'extvold' AND mine.state <> 'detached'
  AND mine.incarnation = (SELECT incarnation FROM ledger_meta)
  AND (other.incarnation, other.counter) < (mine.incarnation, mine.counter)
  AND NOT (other.state = 'detached' AND other.read_back = 1)
  AND NOT EXISTS (
    SELECT 1 FROM evidence AS e
    WHERE e.volume = other.volume AND e.host = other.host
      AND e.incarnation = other.incarnation AND e.counter = other.counter
      -- a host that was switched off comes back with what is still attached to it
      AND (e.kind = 'operator' OR (e.kind = 'fenced'
        AND NOT EXISTS (SELECT 1 FROM fences AS f WHERE f.id = e.fence AND f.rung = 'power')))
      AND (o.recorded_sequence IS NULL OR e.recorded_sequence <= o.recorded_sequence)
      AND (e.void_sequence IS NULL OR e.void_sequence > coalesce(o.recorded_sequence, 0)))
ORDER BY mine.volume, mine.host, other.host;
