CREATE TABLE items (id BIGINT) WITH ('connector' = 'recording', 'path' = 'there);
INSERT INTO sink SELECT id FROM items;
