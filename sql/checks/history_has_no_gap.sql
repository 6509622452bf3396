-- Every number that retention has not been through is there, up to the newest one handed out.
SELECT 'history' AS subject, (m.history_last - m.history_pruned - h.kept) || ' rows are missing' AS problem
FROM ledger_meta AS m,
  (SELECT count(*) AS kept FROM history WHERE number > (SELECT history_pruned FROM ledger_meta)) AS h
WHERE h.kept <> m.history_last - m.history_pruned
  OR EXISTS (SELECT 1 FROM history WHERE number > m.history_last)
ORDER BY subject;
