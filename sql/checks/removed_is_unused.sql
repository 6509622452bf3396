-- A volume goes only when nothing holds it.
SELECT v.name AS subject, v.state || ', but ' || a.state || ' on ' || h.name AS problem
FROM volumes AS v
JOIN attachments AS a ON a.volume = v.id AND a.state <> 'detached'
JOIN hosts AS h ON h.id = a.host
WHERE v.state IN ('removing', 'removed')
ORDER BY v.id, a.host;
