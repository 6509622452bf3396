-- What a fence names never changes; only what became of it does.
INSERT INTO fences (
  id, key, rung, state, host, provider, volume, target, fence_addresses, incarnation, counter,
  cooperative, claim, cause, seen, error_code, error, user_uid, recorded_at, held_at, ended_at, expires_at,
  open_host)
VALUES (
  :id, :key, :rung, :state, :host, :provider, :volume, :target, :fence_addresses, :incarnation,
  :counter, :cooperative, :claim, :cause, :seen, :error_code, :error, :user_uid, :recorded_at, :held_at,
  :ended_at, :expires_at, CASE WHEN :state IN ('recorded', 'issued') THEN :host END)
ON CONFLICT (id) DO UPDATE SET
  state = excluded.state, seen = excluded.seen, error_code = excluded.error_code, error = excluded.error,
  user_uid = excluded.user_uid, held_at = excluded.held_at, ended_at = excluded.ended_at,
  expires_at = excluded.expires_at, open_host = excluded.open_host;
