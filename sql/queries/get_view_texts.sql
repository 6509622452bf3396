SELECT hash FROM view_texts LIMIT 1;
