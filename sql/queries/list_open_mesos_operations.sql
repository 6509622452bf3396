SELECT
  id, kind, state, outcome, agent, incarnation, counter, role, resource, amount_milli, principal, labels,
  persistence_id, container_path, grace_seconds, mark_gone, before_milli, user_uid, reason, error_code, error,
  recorded_at, ended_at
FROM mesos_operations WHERE open_agent IS NOT NULL ORDER BY open_agent;
