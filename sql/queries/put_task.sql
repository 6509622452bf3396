INSERT INTO tasks (
  task, framework, agent, executor, name, state, source, reason, container, view_epoch)
VALUES (
  :task, :framework, :agent, :executor, :name, :state, :source, :reason, :container, :view_epoch)
ON CONFLICT (task, framework) DO UPDATE SET
  agent = excluded.agent, executor = excluded.executor, name = excluded.name, state = excluded.state,
  source = excluded.source, reason = excluded.reason, container = excluded.container,
  view_epoch = excluded.view_epoch;
