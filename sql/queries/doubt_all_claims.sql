-- What happened to a volume since the copy was made is not in it: for all that, everybody may have had it.
UPDATE claims SET liveness = 'unknown', liveness_why = :why, evidence = NULL, began_sequence = 0;
