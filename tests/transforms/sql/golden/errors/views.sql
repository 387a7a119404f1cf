CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), user_id BIGINT, parts ROW<a INT, b STRING>,
  tags ARRAY<STRING>, op STRING METADATA VIRTUAL, proctime AS PROCTIME()
) WITH ('connector' = 'recording', 'path' = 'r', 'topic' = 'shop.items');
CREATE TABLE users (id BIGINT PRIMARY KEY NOT ENFORCED, name STRING)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///users.db', 'table-name' = 'users');
CREATE TABLE sink (id BIGINT NOT NULL, name STRING)
WITH ('connector' = 'filesystem', 'path' = 'out.jsonl', 'format' = 'json');

CREATE VIEW alone AS SELECT * FROM alone;
CREATE VIEW left_hand AS SELECT * FROM right_hand;
CREATE VIEW right_hand AS SELECT id FROM left_hand;
CREATE VIEW columns_missing (id, name, price) AS SELECT id, name FROM items;
CREATE VIEW unused AS SELECT idd FROM items;
CREATE VIEW used_twice AS SELECT nobody FROM items;
CREATE VIEW uneven AS SELECT id, name FROM items UNION ALL SELECT id FROM items;
CREATE VIEW mixed AS SELECT id, name FROM items UNION ALL SELECT name, parts FROM items;
CREATE VIEW broken AS SELECT FROM items;

INSERT INTO sink SELECT id, 'x' FROM left_hand;
INSERT INTO sink SELECT 1, nobody FROM used_twice;
INSERT INTO sink SELECT 2, nobody FROM used_twice;
INSERT INTO sink SELECT 3, anything FROM broken;
INSERT INTO sink WITH a AS (SELECT * FROM a) SELECT id, name FROM a;
INSERT INTO sink WITH a AS (SELECT * FROM b), b AS (SELECT * FROM items) SELECT id, name FROM a;
INSERT INTO sink WITH RECURSIVE a AS (SELECT * FROM items) SELECT id, name FROM a;
