SELECT id, name, principal, active, connected, checkpoint, removed FROM frameworks ORDER BY id;
