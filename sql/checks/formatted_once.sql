-- mkfs runs at most once in a volume's life, and never on what this ledger did not make.
SELECT v.name AS subject, 'formatted ' || count(*) || ' times' AS problem
FROM operations AS o JOIN volumes AS v ON v.id = o.volume
WHERE o.kind = 'format' AND (o.outcome = 'changed' OR (o.open_volume IS NOT NULL AND v.format = 'formatted'))
GROUP BY o.volume
HAVING count(*) > 1 OR sum(o.open_volume IS NOT NULL) > 0 OR v.origin <> 'created'
ORDER BY o.volume;
