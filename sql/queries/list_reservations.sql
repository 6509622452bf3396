SELECT number, agent, role, resource, persistence_id, container_path, disk_source, amount_milli
FROM reservations ORDER BY agent, number;
