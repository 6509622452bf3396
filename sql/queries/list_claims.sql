SELECT
  id, kind, volume, unresolved, host, agent, framework, task, executor, container, containerizer, spelling,
  driver, name, container_path, read_only, task_state, wanted, liveness, liveness_why, evidence,
  first_seen_sequence, began_sequence, user_uid
FROM claims ORDER BY id;
