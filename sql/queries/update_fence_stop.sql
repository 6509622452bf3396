UPDATE ledger_meta SET fence_stop = :stopped;
