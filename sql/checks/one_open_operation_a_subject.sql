-- The unique index and the CHECK of operations say the same; this one also holds for a file that lost them.
SELECT v.name AS subject, count(*) || ' open operations' AS problem
FROM operations AS o JOIN volumes AS v ON v.id = o.volume
WHERE o.state IN ('recorded', 'issued', 'uncertain')
GROUP BY o.volume HAVING count(*) > 1
ORDER BY o.volume;
