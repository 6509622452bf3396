SELECT history_pruned, history_last FROM ledger_meta LIMIT 1;
