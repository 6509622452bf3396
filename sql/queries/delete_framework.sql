DELETE FROM frameworks WHERE id = :id;
