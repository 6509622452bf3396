-- What was told of as new was told of before its claim, or with it; a younger one would get back what it had
-- open.
SELECT 'claim ' || c.id AS subject,
  'began with commit ' || c.began_sequence || ', and was first seen with ' || c.first_seen_sequence AS problem
FROM claims AS c
WHERE c.began_sequence > c.first_seen_sequence
ORDER BY c.id;
