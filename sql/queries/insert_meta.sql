-- A new ledger: nothing in it, observing.
INSERT INTO ledger_meta (
  one, id, incarnation, began_at, mode, detach_storm, fence_stop, fence_released_at, sequence,
  committed_at, next_host, next_volume, next_claim, next_evidence, next_generation, next_fence,
  view_epoch, view_master_id, view_elected_time, view_master_version, history_last, history_pruned,
  operation_ends)
VALUES (
  1, :id, 1, :committed_at, 'observe', 0, 0, 0, 0, :committed_at, 1, 1, 1, 1, 1, 1, 0, '', '', '', 0, 0, 0);
