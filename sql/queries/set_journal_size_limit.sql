-- A WAL that a forgetful reader made long is cut back to 64 MiB once it can be.
PRAGMA journal_size_limit = 67108864;
