-- An outcome belongs to what is done. Only one that was tried may hold it before: what the provider told,
-- until that is read back.
SELECT id AS subject, state || ', outcome ' || outcome || ', ended_at ' || ended_at AS problem
FROM operations
WHERE (state = 'done' AND outcome = 'none') OR (state IN ('recorded', 'failed') AND outcome <> 'none')
  OR (state IN ('done', 'failed')) <> (ended_at <> 0)
ORDER BY number;
