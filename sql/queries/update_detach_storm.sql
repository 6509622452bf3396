UPDATE ledger_meta SET detach_storm = :stopped;
