-- The last of the next :count tasks in the order of their key.
SELECT task, framework FROM tasks
WHERE (task, framework) > (:task, :framework)
ORDER BY task, framework LIMIT 1 OFFSET :count - 1;
