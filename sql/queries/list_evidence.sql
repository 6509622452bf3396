-- What still counts; void rows are history.
SELECT
  id, kind, volume, host, incarnation, counter, agent, claim, container, view_epoch,
  recorded_sequence, request_sent_at, user_uid, detail, grade, fence, void_reason
FROM evidence WHERE void_reason = '' ORDER BY id;
