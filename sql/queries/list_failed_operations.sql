-- Of each volume whose newest ended operation failed: that one.
SELECT
  id, kind, state, outcome, volume, host, incarnation, counter, attempt, claim, evidence, rule, cause,
  error_code, error, recorded_at, ended_at
FROM operations AS o
WHERE state = 'failed'
  AND NOT EXISTS (SELECT 1 FROM operations AS later WHERE later.volume = o.volume
    AND later.ended_order > o.ended_order)
ORDER BY volume;
