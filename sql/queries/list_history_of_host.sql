-- As list_history, by the index on hosts.
SELECT
  number, sequence, at, kind, volume, host, framework, task, operation, evidence, claim, rule, text, user_uid
FROM history
WHERE (:volume IS NULL OR volume = :volume)
  AND host = :host
  AND (:framework IS NULL OR framework = :framework)
  AND (:task IS NULL OR task = :task)
  AND at >= :since
  AND number < :before
ORDER BY number DESC LIMIT :limit;
