-- An outcome belongs to what is done, an end to what has ended.
SELECT id AS subject, state || ', outcome ' || outcome || ', ended_at ' || ended_at AS problem
FROM mesos_operations
WHERE (state = 'done') <> (outcome <> 'none') OR (state IN ('done', 'failed')) <> (ended_at <> 0)
ORDER BY number;
