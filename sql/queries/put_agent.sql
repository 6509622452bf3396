INSERT INTO agents (
  id, host, hostname, address, version, state, active, deactivated, drain_state, resources_hash, attributes)
VALUES (
  :id, :host, :hostname, :address, :version, :state, :active, :deactivated, :drain_state, :resources_hash,
  :attributes)
ON CONFLICT (id) DO UPDATE SET
  host = excluded.host, hostname = excluded.hostname, address = excluded.address, version = excluded.version,
  state = excluded.state, active = excluded.active, deactivated = excluded.deactivated,
  drain_state = excluded.drain_state, resources_hash = excluded.resources_hash,
  attributes = excluded.attributes;
