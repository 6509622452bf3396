-- Sequences never go back in history, and none is newer than the ledger.
SELECT 'history ' || number AS subject, 'sequence ' || sequence || ' after ' || before AS problem
FROM (
  SELECT number, sequence, lag(sequence, 1, 0) OVER (ORDER BY number) AS before FROM history
  UNION ALL
  SELECT max(number), (SELECT sequence FROM ledger_meta), max(sequence) FROM history HAVING count(*) > 0)
WHERE sequence < before
ORDER BY number;
