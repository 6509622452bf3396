INSERT INTO blocks (
  volume, host, reason, owner, text, since, next_look)
VALUES (
  :volume, :host, :reason, :owner, :text, :since, :next_look)
ON CONFLICT (volume, host) DO UPDATE SET
  reason = excluded.reason, owner = excluded.owner, text = excluded.text, since = excluded.since,
  next_look = excluded.next_look;
