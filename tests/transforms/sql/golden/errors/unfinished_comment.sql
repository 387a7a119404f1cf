INSERT INTO sink SELECT 'it''s' FROM items; /* and so on
