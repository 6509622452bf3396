UPDATE claims SET liveness = 'unknown', liveness_why = :why, evidence = NULL;
