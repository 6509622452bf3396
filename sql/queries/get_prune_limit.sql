-- Through which row of the next :count after :from retention may go: the newest that is old enough and has
-- none younger before it.
SELECT coalesce(
  (SELECT min(number) - 1 FROM history
    WHERE number > :from AND number <= :from + :count AND at >= :older_than),
  (SELECT min(history_last, :from + :count) FROM ledger_meta));
