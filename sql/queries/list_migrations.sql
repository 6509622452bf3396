SELECT number, name, hash FROM migrations ORDER BY number;
