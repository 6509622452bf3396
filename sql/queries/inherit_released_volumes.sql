-- What was released by name acts in spite of `observe`; what is held stays held.
UPDATE volumes SET hold = 'inherit' WHERE hold = 'released';
