INSERT INTO attachments (
  volume, host, state, origin, incarnation, counter, read_only, mounted, device, host_identity,
  fence_addresses, boot_id, read_back, changed_at, detached_sequence, unexplained_use)
VALUES (
  :volume, :host, :state, :origin, :incarnation, :counter, :read_only, :mounted, :device, :host_identity,
  :fence_addresses, :boot_id, :read_back, :changed_at, :detached_sequence, :unexplained_use)
ON CONFLICT (volume, host) DO UPDATE SET
  state = excluded.state, origin = excluded.origin, incarnation = excluded.incarnation,
  counter = excluded.counter, read_only = excluded.read_only, mounted = excluded.mounted,
  device = excluded.device, host_identity = excluded.host_identity,
  fence_addresses = excluded.fence_addresses, boot_id = excluded.boot_id,
  read_back = excluded.read_back, changed_at = excluded.changed_at,
  detached_sequence = excluded.detached_sequence, unexplained_use = excluded.unexplained_use;
