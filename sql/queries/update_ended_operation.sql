-- An end that is told again: the newest try of that id.
UPDATE operations SET
  kind = :kind, state = :state, outcome = :outcome, host = :host, incarnation = :incarnation,
  counter = :counter, attempt = :attempt, claim = :claim, evidence = :evidence, rule = :rule,
  cause = :cause, error_code = :error_code, error = :error, recorded_at = :recorded_at,
  ended_at = :ended_at, ended_order = :ended_order,
  open_volume = CASE WHEN :ended_order IS NULL THEN volume END
WHERE number = (
  SELECT max(number) FROM operations WHERE volume = :volume AND id = :id AND ended_order IS NOT NULL);
