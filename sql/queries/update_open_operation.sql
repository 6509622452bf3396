-- The open operation of its volume, if it is this one; it may end by this.
UPDATE operations SET
  kind = :kind, state = :state, outcome = :outcome, host = :host, incarnation = :incarnation,
  counter = :counter, attempt = :attempt, claim = :claim, evidence = :evidence, rule = :rule,
  cause = :cause, error_code = :error_code, error = :error, recorded_at = :recorded_at,
  ended_at = :ended_at, ended_order = :ended_order,
  open_volume = CASE WHEN :ended_order IS NULL THEN volume END
WHERE open_volume = :volume AND id = :id;
