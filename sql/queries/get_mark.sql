-- How far this file has got. Every schema has these three columns.
SELECT id, incarnation, sequence FROM ledger_meta LIMIT 1;
