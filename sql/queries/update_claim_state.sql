UPDATE claims SET
  task_state = :task_state, wanted = :wanted, liveness = :liveness, liveness_why = :liveness_why,
  evidence = :evidence, container = :container
WHERE id = :id;
