UPDATE ledger_meta SET incarnation = :incarnation, mode = 'observe';
