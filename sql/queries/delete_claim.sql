DELETE FROM claims WHERE id = :id;
