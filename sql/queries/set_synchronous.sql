-- With NORMAL, acknowledged commits are lost at a power cut.
PRAGMA synchronous = FULL;
