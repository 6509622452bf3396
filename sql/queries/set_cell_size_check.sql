-- Notices a damaged page before it is used.
PRAGMA cell_size_check = ON;
