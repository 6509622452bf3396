-- Also the recorded ones: they may have been tried since the copy was made. What was to be lifted still is.
UPDATE fences SET state = 'uncertain', open_host = NULL WHERE state IN ('recorded', 'issued', 'held');
