-- One row a dynamic reservation or persistent volume, with what its extvold.* labels wish for.
DROP VIEW IF EXISTS reservation_status;
CREATE VIEW reservation_status AS
SELECT
  r.agent AS agent,
  a.hostname AS hostname,
  r.role AS role,
  r.resource AS resource,
  r.amount_milli / 1000.0 AS amount,
  nullif(r.persistence_id, '') AS persistence_id,
  nullif(r.container_path, '') AS container_path,
  nullif(r.disk_source, '') AS disk_source,
  (
    SELECT group_concat(l.key || '=' || l.value, ' ')
    FROM (
      SELECT key, value FROM reservation_labels
      WHERE reservation = r.number AND substr(key, 1, 8) = 'extvold.'
      ORDER BY position
    ) AS l
  ) AS wishes
FROM reservations AS r
LEFT JOIN agents AS a ON a.id = r.agent
ORDER BY a.hostname, r.agent, r.number;
