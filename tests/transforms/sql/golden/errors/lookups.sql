CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), user_id BIGINT, parts ROW<a INT, b STRING>,
  tags ARRAY<STRING>, op STRING METADATA VIRTUAL, proctime AS PROCTIME()
) WITH ('connector' = 'recording', 'path' = 'r', 'topic' = 'shop.items');
CREATE TABLE users (id BIGINT PRIMARY KEY NOT ENFORCED, name STRING)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///users.db', 'table-name' = 'users');
CREATE TABLE sink (id BIGINT NOT NULL, name STRING)
WITH ('connector' = 'filesystem', 'path' = 'out.jsonl', 'format' = 'json');

CREATE TABLE flags (user_id BIGINT, flag STRING)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///users.db', 'table-name' = 'flags');
CREATE VIEW people AS SELECT id, name FROM items;
CREATE TABLE nested (id BIGINT, flags ARRAY<ROW<flag STRING>>) WITH ('connector' = 'print');

INSERT INTO sink SELECT i.id, u.name FROM items AS i JOIN users AS u ON u.id = i.user_id;
INSERT INTO sink SELECT i.id, u.name FROM items AS i JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u;
INSERT INTO sink SELECT i.id, u.name FROM items AS i
JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id > i.user_id;
INSERT INTO sink SELECT i.id, u.name FROM items AS i
JOIN users FOR SYSTEM_TIME AS OF i.op AS u ON u.id = i.user_id;
INSERT INTO sink SELECT i.id, u.name FROM items AS i
JOIN users FOR SYSTEM_TIME AS OF PROCTIME() AS u ON u.id = i.user_id;
INSERT INTO sink SELECT i.id, u.name FROM items AS i
JOIN users FOR SYSTEM_TIME AS OF u.id AS u ON u.id = i.user_id;
INSERT INTO sink SELECT i.id, u.name FROM items AS i
RIGHT JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.user_id;
INSERT INTO sink SELECT i.id, u.name FROM items AS i
JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u USING (id);
INSERT INTO sink SELECT i.id, u.name FROM items AS i
JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.parts;
INSERT INTO sink SELECT i.id, u.name FROM items AS i
JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.idd = i.user_id;
INSERT INTO sink SELECT i.id, u.name FROM items AS i
JOIN people FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.user_id;
INSERT INTO sink SELECT i.id, u.name FROM items AS i
JOIN items FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.user_id;
INSERT INTO sink SELECT i.id, 'x' FROM items FOR SYSTEM_TIME AS OF PROCTIME() AS i;
INSERT INTO sink SELECT i.id, 'x' FROM items AS i
JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u
  ON u.id = i.user_id AND LOOKUP_ARRAY('flags', 'SELECT flag FROM flags WHERE user_id = :key', 1) IS NULL;

INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags') FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flag', 'SELECT flag FROM flags WHERE user_id = :key', id) FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('items', 'SELECT flag FROM flags WHERE user_id = :key', id) FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags', 'SELECT flag FROM flags', id) FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags', 'DELETE FROM flags WHERE user_id = :key', id) FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags', 'DELETE FROM flags WHERE user_id = :key', id, 'ROW<a INT>') FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags', 'SELECT * FROM flags WHERE user_id = :key', id) FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags', 'SELECT colour FROM flags WHERE user_id = :key', id) FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags', 'SELECT flag FROM flags WHERE user_id = :key', parts) FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags', 'SELECT flag FROM flags WHERE user_id = :key', idd) FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags', 'SELECT f FROM g WHERE h = :key', id, 'INT') FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags', 'SELECT f FROM g WHERE h = :key', id, 'ROW<f') FROM items;
INSERT INTO nested SELECT id, LOOKUP_ARRAY('flags', 'SELECT user_id FROM flags WHERE user_id = :key', id) FROM items;
