-- They may have been formatted and filled since the copy was made.
UPDATE volumes SET format = 'refused' WHERE format IN ('wanted', 'intended');
