INSERT INTO agents (
  id, host, hostname, address, version, state, active, deactivated, drain_state, resources_hash, attributes,
  maintenance, maintenance_start, state_source, state_since, drain_source, drain_since, deactivated_source,
  deactivated_since, maintenance_source, maintenance_since)
VALUES (
  :id, :host, :hostname, :address, :version, :state, :active, :deactivated, :drain_state, :resources_hash,
  :attributes, :maintenance, :maintenance_start, :state_source, :state_since, :drain_source, :drain_since,
  :deactivated_source, :deactivated_since, :maintenance_source, :maintenance_since)
ON CONFLICT (id) DO UPDATE SET
  host = excluded.host, hostname = excluded.hostname, address = excluded.address,
  version = excluded.version, state = excluded.state, active = excluded.active,
  deactivated = excluded.deactivated, drain_state = excluded.drain_state,
  resources_hash = excluded.resources_hash, attributes = excluded.attributes,
  maintenance = excluded.maintenance, maintenance_start = excluded.maintenance_start,
  state_source = excluded.state_source, state_since = excluded.state_since,
  drain_source = excluded.drain_source, drain_since = excluded.drain_since,
  deactivated_source = excluded.deactivated_source, deactivated_since = excluded.deactivated_since,
  maintenance_source = excluded.maintenance_source, maintenance_since = excluded.maintenance_since;
