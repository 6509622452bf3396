INSERT INTO hosts (
  id, name, boot_id, hold, quarantined, quarantine_reason, quarantine_fence, fence_held)
VALUES (
  :id, :name, :boot_id, :hold, :quarantined, :quarantine_reason, :quarantine_fence,
  :fence_held)
ON CONFLICT (id) DO UPDATE SET
  name = excluded.name, boot_id = excluded.boot_id, hold = excluded.hold, quarantined = excluded.quarantined,
  quarantine_reason = excluded.quarantine_reason, quarantine_fence = excluded.quarantine_fence,
  fence_held = excluded.fence_held;
