INSERT INTO mounts (volume, host, path) VALUES (:volume, :host, :path) ON CONFLICT (volume, host,
  path) DO NOTHING;
