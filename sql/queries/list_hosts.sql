SELECT id, name, boot_id, hold, quarantined, quarantine_reason, quarantine_fence, fence_held
FROM hosts ORDER BY id;
