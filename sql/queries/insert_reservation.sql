INSERT INTO reservations (
  number, agent, role, resource, persistence_id, container_path, disk_source, amount_milli)
VALUES (NULL, :agent, :role, :resource, :persistence_id, :container_path, :disk_source, :amount_milli);
