UPDATE ledger_meta SET
  view_epoch = :view_epoch, view_master_id = :master_id, view_elected_time = :elected_time,
  view_master_version = :master_version;
