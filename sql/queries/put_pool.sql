INSERT INTO pools (
  provider, pool, capacity_mb, free_mb, iops, observed_at)
VALUES (
  :provider, :pool, :capacity_mb, :free_mb, :iops, :observed_at)
ON CONFLICT (provider, pool) DO UPDATE SET
  capacity_mb = excluded.capacity_mb, free_mb = excluded.free_mb, iops = excluded.iops,
  observed_at = excluded.observed_at;
