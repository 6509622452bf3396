-- Once a transaction, last.
UPDATE ledger_meta SET
  sequence = :sequence, committed_at = :committed_at, history_last = :history_last,
  operation_ends = :operation_ends;
