-- Of one stretch of the key: what is over, and was before the bound. Not a task that may still run.
DELETE FROM tasks
WHERE (task, framework) > (:from_task, :from_framework)
  AND (:to_task IS NULL OR (task, framework) <= (:to_task, :to_framework))
  AND changed_at < :older_than
  AND state IN ('task_finished', 'task_failed', 'task_killed', 'task_error', 'task_lost', 'task_dropped',
    'task_gone', 'task_gone_by_operator');
