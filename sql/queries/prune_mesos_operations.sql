-- Oldest first.
DELETE FROM mesos_operations
WHERE number IN (
  SELECT number FROM mesos_operations
  WHERE open_agent IS NULL AND ended_at < :older_than
  ORDER BY number LIMIT :count);
