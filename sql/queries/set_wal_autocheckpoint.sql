-- The ledger checkpoints by itself: then the result is seen.
PRAGMA wal_autocheckpoint = 0;
