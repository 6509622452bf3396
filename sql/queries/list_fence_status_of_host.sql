-- The newest fences of a host by its name, those that ended included.
SELECT
  id, rung, state, provider, volume, target, grade, proves, cause, seen, error, recorded_at, held_at,
  ended_at, expires_at
FROM fence_status WHERE host = :host ORDER BY id DESC LIMIT :limit;
