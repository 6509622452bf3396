UPDATE ledger_meta SET
  next_host = :next_host, next_volume = :next_volume, next_claim = :next_claim,
  next_evidence = :next_evidence, next_generation = :next_generation, next_fence = :next_fence;
