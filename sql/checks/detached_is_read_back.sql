-- `detached` is an observation, never the hope that a call worked. Only one that was never tried needs no
-- look.
SELECT v.name AS subject, 'detached from ' || h.name || ', but that was not read back' AS problem
FROM attachments AS a
JOIN volumes AS v ON v.id = a.volume
JOIN hosts AS h ON h.id = a.host
WHERE a.state = 'detached' AND a.read_back = 0
  AND (a.origin = 'found' OR EXISTS (
    SELECT 1 FROM operations AS o
    WHERE o.volume = a.volume AND o.host = a.host AND o.kind = 'attach'
      AND o.incarnation = a.incarnation AND o.counter = a.counter AND o.state IN ('issued', 'uncertain',
        'done')))
ORDER BY a.volume, a.host;
