-- An id or generation that the counters have not reached would be handed out a second time.
SELECT what AS subject, 'is not below the next number' AS problem
FROM (
  SELECT 'host ' || max(id) AS what, max(id) AS used, (SELECT next_host FROM ledger_meta) AS next FROM hosts
  UNION ALL SELECT 'volume ' || max(id), max(id), (SELECT next_volume FROM ledger_meta) FROM volumes
  UNION ALL SELECT 'claim ' || max(id), max(id), (SELECT next_claim FROM ledger_meta) FROM claims
  UNION ALL SELECT 'fence ' || max(id), max(id), (SELECT next_fence FROM ledger_meta) FROM fences
  UNION ALL
  SELECT 'generation ' || incarnation || '.' || max(counter) || ' of a fence', max(counter),
    (SELECT next_generation FROM ledger_meta)
  FROM fences WHERE incarnation = (SELECT incarnation FROM ledger_meta) GROUP BY incarnation
  UNION ALL SELECT 'evidence ' || max(id), max(id), (SELECT next_evidence FROM ledger_meta) FROM evidence
  UNION ALL
  SELECT 'generation ' || incarnation || '.' || max(counter), max(counter), (SELECT next_generation
    FROM ledger_meta)
  FROM attachments WHERE incarnation = (SELECT incarnation FROM ledger_meta) GROUP BY incarnation
  UNION ALL
  SELECT 'generation ' || incarnation || '.' || max(counter) || ' of an operation', max(counter),
    (SELECT next_generation FROM ledger_meta)
  FROM operations WHERE incarnation = (SELECT incarnation FROM ledger_meta) GROUP BY incarnation
  UNION ALL
  SELECT 'generation ' || incarnation || '.' || max(counter) || ' of a Mesos operation', max(counter),
    (SELECT next_generation FROM ledger_meta)
  FROM mesos_operations WHERE incarnation = (SELECT incarnation FROM ledger_meta) GROUP BY incarnation
  UNION ALL
  SELECT 'incarnation ' || max(incarnation), max(incarnation), (SELECT incarnation + 1 FROM ledger_meta)
  FROM attachments)
WHERE used >= next
ORDER BY what;
