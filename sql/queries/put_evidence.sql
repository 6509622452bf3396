-- void_sequence is the first batch that held it as void.
INSERT INTO evidence (
  id, kind, volume, host, incarnation, counter, agent, claim, container, view_epoch, request_sent_at,
  user_uid, detail, grade, fence, void_reason, recorded_sequence, void_sequence)
VALUES (
  :id, :kind, :volume, :host, :incarnation, :counter, :agent, :claim, :container, :view_epoch,
  :request_sent_at, :user_uid, :detail, :grade, :fence, :void_reason, :recorded_sequence,
  CASE WHEN :void_reason <> '' THEN :sequence END)
ON CONFLICT (id) DO UPDATE SET
  kind = excluded.kind, volume = excluded.volume, host = excluded.host, incarnation = excluded.incarnation,
  counter = excluded.counter, agent = excluded.agent, claim = excluded.claim, container = excluded.container,
  view_epoch = excluded.view_epoch, request_sent_at = excluded.request_sent_at, user_uid = excluded.user_uid,
  detail = excluded.detail, grade = excluded.grade, fence = excluded.fence,
  void_reason = excluded.void_reason,
  void_sequence =
    CASE WHEN excluded.void_reason <> '' THEN coalesce(void_sequence, excluded.void_sequence) END;
