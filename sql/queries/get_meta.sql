-- Who this ledger is.
SELECT
  id, incarnation, began_at, mode, detach_storm, fence_stop, fence_released_at, sequence, next_host,
  next_volume, next_claim, next_evidence, next_generation, next_fence, view_epoch, view_master_id,
  view_elected_time, view_master_version, history_last, operation_ends
FROM ledger_meta LIMIT 1;
