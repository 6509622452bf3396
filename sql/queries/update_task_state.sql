-- Nothing happens where the task is not recorded (on that agent). A container that is not told stays as it
-- is.
UPDATE tasks SET
  state = :state, source = :source, reason = :reason, container = coalesce(:container, container),
  changed_at = :changed_at
WHERE task = :task AND framework = :framework AND (:agent IS NULL OR agent = :agent);
