SELECT id AS subject, state || ', outcome ' || outcome || ', ended_at ' || ended_at AS problem
FROM operations
WHERE (state = 'done') <> (outcome <> 'none') OR (state IN ('done', 'failed')) <> (ended_at <> 0)
ORDER BY number;
