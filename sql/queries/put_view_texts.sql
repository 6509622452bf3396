INSERT INTO view_texts (one, hash) VALUES (1, :hash) ON CONFLICT (one) DO UPDATE SET hash = excluded.hash;
