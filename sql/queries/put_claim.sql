INSERT INTO claims (
  id, kind, volume, unresolved, host, agent, framework, task, executor, container, containerizer, spelling,
  driver, name, container_path, read_only, task_state, wanted, liveness, liveness_why, evidence,
  first_seen_sequence, began_sequence, user_uid)
VALUES (
  :id, :kind, :volume, :unresolved, :host, :agent, :framework, :task, :executor, :container, :containerizer,
  :spelling, :driver, :name, :container_path, :read_only, :task_state, :wanted, :liveness, :liveness_why,
  :evidence, :first_seen_sequence, :began_sequence, :user_uid)
ON CONFLICT (id) DO UPDATE SET
  kind = excluded.kind, volume = excluded.volume, unresolved = excluded.unresolved, host = excluded.host,
  agent = excluded.agent, framework = excluded.framework, task = excluded.task, executor = excluded.executor,
  container = excluded.container, containerizer = excluded.containerizer, spelling = excluded.spelling,
  driver = excluded.driver, name = excluded.name, container_path = excluded.container_path,
  read_only = excluded.read_only, task_state = excluded.task_state, wanted = excluded.wanted,
  liveness = excluded.liveness, liveness_why = excluded.liveness_why, evidence = excluded.evidence,
  first_seen_sequence = excluded.first_seen_sequence, began_sequence = excluded.began_sequence,
  user_uid = excluded.user_uid;
