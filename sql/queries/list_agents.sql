SELECT
  id, host, hostname, address, version, state, active, deactivated, drain_state, resources_hash, attributes,
  maintenance, maintenance_start, state_source, state_since, drain_source, drain_since, deactivated_source,
  deactivated_since, maintenance_source, maintenance_since
FROM agents ORDER BY id;
