-- The newest history row that is old enough and has none younger before it.
SELECT coalesce(
  (SELECT min(number) - 1 FROM history WHERE at >= :older_than AND number > :from),
  (SELECT history_last FROM ledger_meta));
