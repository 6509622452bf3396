-- Rows about an operation, evidence or claim that is still there stay with it.
DELETE FROM history
WHERE number > :from AND number <= :through
  AND operation NOT IN (SELECT id FROM operations)
  AND (evidence IS NULL OR evidence NOT IN (SELECT id FROM evidence))
  AND (claim IS NULL OR claim NOT IN (SELECT id FROM claims));
