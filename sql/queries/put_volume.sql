INSERT INTO volumes (
  id, name, key, provider_ref, provider, pool, size_mb, wanted_size_mb, iops, filesystem,
  access, mount_point, profile,
  origin, state, format, hold, source, created_incarnation, created_counter, created_at, purge_after)
VALUES (
  :id, :name, :key, :provider_ref, :provider, :pool, :size_mb, :wanted_size_mb, :iops,
  :filesystem, :access, :mount_point, :profile, :origin, :state, :format, :hold, :source,
  :created_incarnation, :created_counter, :created_at, :purge_after)
ON CONFLICT (id) DO UPDATE SET
  name = excluded.name, key = excluded.key, provider_ref = excluded.provider_ref,
  provider = excluded.provider, pool = excluded.pool, size_mb = excluded.size_mb,
  wanted_size_mb = excluded.wanted_size_mb, iops = excluded.iops,
  filesystem = excluded.filesystem, access = excluded.access, mount_point = excluded.mount_point,
  profile = excluded.profile, origin = excluded.origin, state = excluded.state,
  format = excluded.format, hold = excluded.hold,
  source = excluded.source, created_incarnation = excluded.created_incarnation,
  created_counter = excluded.created_counter, created_at = excluded.created_at,
  purge_after = excluded.purge_after;
