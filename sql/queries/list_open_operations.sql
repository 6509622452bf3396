SELECT
  id, kind, state, outcome, volume, host, incarnation, counter, attempt, claim, evidence, rule, cause,
  error_code, error, recorded_at, ended_at
FROM operations WHERE open_volume IS NOT NULL ORDER BY open_volume;
