INSERT INTO reservation_labels (reservation, position, key, value)
VALUES (:reservation, :position, :key, :value);
