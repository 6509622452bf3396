-- The last of the next :count rows that retention has been through and left.
SELECT number FROM history
WHERE number > :from AND number <= (SELECT history_pruned FROM ledger_meta)
ORDER BY number LIMIT 1 OFFSET :count - 1;
