CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), user_id BIGINT, parts ROW<a INT, b STRING>,
  tags ARRAY<STRING>, op STRING METADATA VIRTUAL, proctime AS PROCTIME()
) WITH ('connector' = 'recording', 'path' = 'r', 'topic' = 'shop.items');
CREATE TABLE users (id BIGINT PRIMARY KEY NOT ENFORCED, name STRING)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///users.db', 'table-name' = 'users');
CREATE TABLE sink (id BIGINT NOT NULL, name STRING)
WITH ('connector' = 'filesystem', 'path' = 'out.jsonl', 'format' = 'json');

CREATE TABLE same_file (id BIGINT)
WITH ('connector' = 'filesystem', 'path' = 'out.jsonl', 'format' = 'json');

INSERT INTO sink SELECT id FROM items;
INSERT INTO sink SELECT id, name, price FROM items;
INSERT INTO sink SELECT * FROM items;
INSERT INTO sink SELECT name, parts FROM items;
INSERT INTO sink (name) SELECT name FROM items;
INSERT INTO sink (id, id, nam) SELECT id, id, name FROM items;
INSERT INTO sink (name, id) SELECT id, name FROM items;
INSERT INTO same_file SELECT id FROM items;
INSERT INTO sink SELECT NULL, NULL FROM items;
