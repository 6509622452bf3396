-- Nothing is attached to a host while a fence of it is under way or may stand.
SELECT h.name AS subject,
  'fence ' || f.id || ' is ' || f.state || ' and the host is not quarantined' AS problem
FROM fences AS f JOIN hosts AS h ON h.id = f.host
WHERE f.ended_at = 0 AND h.quarantined = 0
ORDER BY f.id;
