INSERT INTO migrations (number, name, hash, applied_at) VALUES (:number, :name, :hash, :applied_at);
