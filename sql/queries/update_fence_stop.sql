UPDATE ledger_meta SET fence_stop = :stopped, fence_released_at = :released_at;
