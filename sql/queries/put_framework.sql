INSERT INTO frameworks (
  id, name, principal, active, connected, checkpoint, removed)
VALUES (
  :id, :name, :principal, :active, :connected, :checkpoint, :removed)
ON CONFLICT (id) DO UPDATE SET
  name = excluded.name, principal = excluded.principal, active = excluded.active,
  connected = excluded.connected, checkpoint = excluded.checkpoint, removed = excluded.removed;
