SELECT
  id, host, hostname, address, version, state, active, deactivated, drain_state, resources_hash, attributes
FROM agents ORDER BY id;
