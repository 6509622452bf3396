DELETE FROM tasks WHERE view_epoch < :view_epoch;
