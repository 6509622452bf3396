-- Readers do not wait for the writer, nor the writer for them.
PRAGMA journal_mode = WAL;
