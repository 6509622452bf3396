INSERT INTO tasks (
  task, framework, agent, executor, name, state, source, reason, container, view_epoch, changed_at)
VALUES (
  :task, :framework, :agent, :executor, :name, :state, :source, :reason, :container, :view_epoch,
  :changed_at)
ON CONFLICT (task, framework) DO UPDATE SET
  agent = excluded.agent, executor = excluded.executor, name = excluded.name, state = excluded.state,
  source = excluded.source, reason = excluded.reason, container = excluded.container,
  view_epoch = excluded.view_epoch, changed_at = excluded.changed_at
-- A task id may be used again: an entry that is over, of a list, says nothing of the one that the same view
-- has alive. What a task's own update says is written by update_task_state.
WHERE tasks.view_epoch <> excluded.view_epoch
  OR excluded.state NOT IN (
    'task_finished', 'task_failed', 'task_killed', 'task_error', 'task_lost', 'task_dropped', 'task_gone',
    'task_gone_by_operator')
  OR tasks.state IN (
    'task_finished', 'task_failed', 'task_killed', 'task_error', 'task_lost', 'task_dropped', 'task_gone',
    'task_gone_by_operator');
