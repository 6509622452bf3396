SELECT
  id, name, key, provider_ref, provider, pool, size_mb, wanted_size_mb, iops, filesystem,
  access, mount_point, profile,
  origin, state, format, hold, source, created_incarnation, created_counter, created_at, purge_after
FROM volumes ORDER BY id;
