-- Rows about an operation, evidence or claim that is still there stay with it; the trigger history_is_kept
-- says the same.
DELETE FROM history
WHERE number > :from AND number <= :through
  AND NOT EXISTS (SELECT 1 FROM operations AS o WHERE o.id = history.operation)
  AND NOT EXISTS (SELECT 1 FROM evidence AS e WHERE e.id = history.evidence)
  AND NOT EXISTS (SELECT 1 FROM claims AS c WHERE c.id = history.claim);
