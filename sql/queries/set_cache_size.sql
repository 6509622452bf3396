-- At most 16 MiB of pages in memory; what is hot in a large commit is not written out early.
PRAGMA cache_size = -16384;
