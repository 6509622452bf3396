-- Newest first. A parameter that is NULL asks for all.
SELECT
  number, sequence, at, kind, volume, host, framework, task, operation, evidence, claim, rule, text, user_uid
FROM history
WHERE (:volume IS NULL OR volume = :volume)
  AND (:host IS NULL OR host = :host)
  AND (:framework IS NULL OR framework = :framework)
  AND (:task IS NULL OR task = :task)
  AND at >= :since
  -- Where to stop on the way back. The + keeps SQLite from looking for the first number instead of the time.
  AND number >= CASE :since WHEN 0 THEN 0
    ELSE (SELECT min(+since.number) FROM history AS since WHERE since.at >= :since) END
  AND number < :before
ORDER BY number DESC LIMIT :limit;
