-- What happened to a volume since the copy was made is not in it: everybody may have had it, for all it knows.
UPDATE claims SET liveness = 'unknown', liveness_why = :why, evidence = NULL, began_sequence = 0;
