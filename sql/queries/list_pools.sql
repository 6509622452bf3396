SELECT provider, pool, capacity_mb, free_mb, iops, observed_at FROM pools ORDER BY provider, pool;
