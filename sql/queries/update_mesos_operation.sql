-- The open operation of its agent, if it is this one; it may end by this.
UPDATE mesos_operations SET
  state = :state, outcome = :outcome, error_code = :error_code, error = :error, ended_at = :ended_at,
  open_agent = CASE WHEN :state IN ('recorded', 'issued', 'uncertain') THEN agent END
WHERE open_agent = :agent AND id = :id;
