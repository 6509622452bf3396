-- Labels go with them.
DELETE FROM reservations WHERE agent = :agent;
