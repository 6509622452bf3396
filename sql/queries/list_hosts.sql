SELECT id, name, boot_id, hold, quarantined, quarantine_reason FROM hosts ORDER BY id;
