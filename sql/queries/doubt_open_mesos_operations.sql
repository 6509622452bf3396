-- Also the recorded ones: they may have been tried since the copy was made.
UPDATE mesos_operations SET state = 'uncertain' WHERE state IN ('recorded', 'issued');
