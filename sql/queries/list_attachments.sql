SELECT
  volume, host, state, origin, incarnation, counter, read_only, mounted, device, host_identity,
  fence_addresses, boot_id, read_back, changed_at, detached_sequence, unexplained_use
FROM attachments ORDER BY volume, host;
