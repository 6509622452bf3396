-- ended_order is NULL for one that is open.
INSERT INTO operations (
  id, kind, state, outcome, volume, host, incarnation, counter, attempt, claim, evidence, rule, cause,
  error_code, error, recorded_at, ended_at, recorded_sequence, ended_order, open_volume)
VALUES (
  :id, :kind, :state, :outcome, :volume, :host, :incarnation, :counter, :attempt, :claim, :evidence, :rule,
  :cause, :error_code, :error, :recorded_at, :ended_at, :sequence, :ended_order,
  CASE WHEN :ended_order IS NULL THEN :volume END);
