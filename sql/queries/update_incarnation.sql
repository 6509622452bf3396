UPDATE ledger_meta SET incarnation = :incarnation, began_at = :began_at, mode = 'observe';
