INSERT INTO mesos_operations (
  id, kind, state, outcome, agent, incarnation, counter, role, resource, amount_milli, principal, labels,
  persistence_id, container_path, grace_seconds, mark_gone, before_milli, user_uid, reason, error_code, error,
  recorded_at, ended_at, open_agent)
VALUES (
  :id, :kind, :state, :outcome, :agent, :incarnation, :counter, :role, :resource, :amount_milli, :principal,
  :labels, :persistence_id, :container_path, :grace_seconds, :mark_gone, :before_milli, :user_uid, :reason,
  :error_code, :error, :recorded_at, :ended_at,
  CASE WHEN :state IN ('recorded', 'issued', 'uncertain') THEN :agent END);
