CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), user_id BIGINT, parts ROW<a INT, b STRING>,
  tags ARRAY<STRING>, op STRING METADATA VIRTUAL, proctime AS PROCTIME()
) WITH ('connector' = 'recording', 'path' = 'r', 'topic' = 'shop.items');
CREATE TABLE users (id BIGINT PRIMARY KEY NOT ENFORCED, name STRING)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///users.db', 'table-name' = 'users');
CREATE TABLE sink (id BIGINT NOT NULL, name STRING)
WITH ('connector' = 'filesystem', 'path' = 'out.jsonl', 'format' = 'json');

CREATE TABLE computed (id BIGINT, double_id AS idd * 2)
WITH ('connector' = 'recording', 'path' = 'r', 'topic' = 'shop.items');

INSERT INTO sink SELECT id, UPPER() FROM items;
INSERT INTO sink SELECT id, UPPER(name, name) FROM items;
INSERT INTO sink SELECT id, UPPER(parts) FROM items;
INSERT INTO sink SELECT id + name, name || price FROM items;
INSERT INTO sink SELECT -name, NOT name FROM items;
INSERT INTO sink SELECT id, CAST(parts AS DATE) FROM items;
INSERT INTO sink SELECT id, CAST(id AS STRNG) FROM items;
INSERT INTO sink SELECT CASE WHEN id THEN 1 END, name FROM items;
INSERT INTO sink SELECT CASE op WHEN 1 THEN 1 ELSE 'x' END, name FROM items;
INSERT INTO sink SELECT id, name FROM items WHERE id;
INSERT INTO sink SELECT id, name FROM items WHERE id IN ('a', parts);
INSERT INTO sink SELECT id, name FROM items WHERE name LIKE 1;
INSERT INTO sink SELECT id, name FROM items WHERE id BETWEEN 'a' AND parts;
INSERT INTO sink SELECT id, tags['a'] FROM items;
INSERT INTO sink SELECT id, name FROM items WHERE parts = 1 OR name = TRUE;
INSERT INTO sink SELECT 99999999999999999999999999999999999999999, name FROM items;
INSERT INTO sink SELECT id, FORMAT_DATE_ANY(name, 'qqq', 'yyyy') FROM items;
INSERT INTO sink SELECT id, JSON_VALUE(name, name) FROM items;
INSERT INTO sink SELECT id, ? FROM items;
INSERT INTO sink SELECT id, :key FROM items;
INSERT INTO sink SELECT id, CONVERT_TZ(name, 'Europe/Atlantis', 'UTC') FROM items;
