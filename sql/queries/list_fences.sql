-- Those that are under way or may stand.
SELECT
  id, key, rung, state, host, provider, volume, target, fence_addresses, incarnation, counter,
  cooperative, claim, cause, seen, error_code, error, user_uid, recorded_at, held_at, ended_at, expires_at
FROM fences WHERE ended_at = 0 ORDER BY id;
