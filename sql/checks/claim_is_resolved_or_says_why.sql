SELECT 'claim ' || id AS subject, 'volume ' || coalesce(volume, 'none') || ', unresolved '
  || unresolved AS problem
FROM claims
WHERE (volume IS NULL) <> (unresolved <> 'none')
ORDER BY id;
