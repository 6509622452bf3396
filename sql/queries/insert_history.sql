INSERT INTO history (
  number, sequence, at, kind, volume, host, framework, task, operation, evidence, claim, rule, text, user_uid)
VALUES (
  :number, :sequence, :at, :kind, :volume, :host, :framework, :task, :operation, :evidence, :claim, :rule,
  :text, :user_uid);
