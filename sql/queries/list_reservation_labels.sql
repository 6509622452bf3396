SELECT key, value FROM reservation_labels WHERE reservation = :reservation ORDER BY position;
