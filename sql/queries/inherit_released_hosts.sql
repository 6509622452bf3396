-- As inherit_released_volumes.
UPDATE hosts SET hold = 'inherit' WHERE hold = 'released';
