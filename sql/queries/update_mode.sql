UPDATE ledger_meta SET mode = :mode;
