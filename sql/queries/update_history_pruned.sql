UPDATE ledger_meta SET history_pruned = :through;
