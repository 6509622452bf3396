SELECT volume, host, reason, owner, text, since, next_look FROM blocks ORDER BY volume, host;
