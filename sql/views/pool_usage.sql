-- One row a pool. allocated_*: what the ledger promised there, volumes that are still being made, are to
-- grow or are in the trash included. capacity_mb, free_mb: what the provider says (NULL: it says nothing).
-- drift_mb: the provider's used space minus that of our volumes that are made; not ours, or thin, or a
-- difference to look into.
DROP VIEW IF EXISTS pool_usage;
CREATE VIEW pool_usage AS
WITH allocated AS (
  SELECT
    provider, pool, count(*) AS volumes, sum(max(size_mb, wanted_size_mb)) AS size_mb, sum(iops) AS iops,
    sum(CASE state WHEN 'planned' THEN 0 ELSE size_mb END) AS made_mb,
    sum(state = 'planned') AS planned, sum(state IN ('trashed', 'removing')) AS trashed
  FROM volumes WHERE state <> 'removed' GROUP BY provider, pool),
named AS (
  SELECT provider, pool FROM pools UNION SELECT provider, pool FROM allocated)
SELECT
  n.provider || '~' || n.pool AS pool,
  coalesce(a.volumes, 0) AS volumes,
  coalesce(a.planned, 0) AS volumes_planned,
  coalesce(a.trashed, 0) AS volumes_trashed,
  coalesce(a.size_mb, 0) AS allocated_mb,
  nullif(p.capacity_mb, 0) AS capacity_mb,
  CASE WHEN p.free_mb >= 0 THEN p.free_mb END AS free_mb,
  CASE WHEN p.capacity_mb > 0 AND p.free_mb >= 0
    THEN p.capacity_mb - p.free_mb - coalesce(a.made_mb, 0) END AS drift_mb,
  coalesce(a.iops, 0) AS allocated_iops,
  nullif(p.iops, 0) AS iops,
  strftime('%Y-%m-%dT%H:%M:%SZ', nullif(p.observed_at, 0) / 1000000000, 'unixepoch') AS observed_at
FROM named AS n
LEFT JOIN pools AS p ON p.provider = n.provider AND p.pool = n.pool
LEFT JOIN allocated AS a ON a.provider = n.provider AND a.pool = n.pool
ORDER BY n.provider, n.pool;
