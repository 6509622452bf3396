SELECT volume, host, path FROM mounts ORDER BY volume, host, path;
