CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), user_id BIGINT, parts ROW<a INT, b STRING>,
  tags ARRAY<STRING>, op STRING METADATA VIRTUAL, proctime AS PROCTIME()
) WITH ('connector' = 'recording', 'path' = 'r', 'topic' = 'shop.items');
CREATE TABLE users (id BIGINT PRIMARY KEY NOT ENFORCED, name STRING)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///users.db', 'table-name' = 'users');
CREATE TABLE sink (id BIGINT NOT NULL, name STRING)
WITH ('connector' = 'filesystem', 'path' = 'out.jsonl', 'format' = 'json');

INSERT INTO sinc SELECT id, name FROM items;
INSERT INTO items SELECT id, name FROM items;
INSERT INTO users (nam) SELECT name FROM items;
INSERT INTO sink SELECT id, name FROM item;
INSERT INTO sink SELECT id, name FROM shop.items;
INSERT INTO sink SELECT id, name FROM sink;
INSERT INTO sink SELECT id, name FROM users;
INSERT INTO sink SELECT ids, nam FROM items WHERE prize > 1 AND opp = 'c';
INSERT INTO sink SELECT ID, i.NAME FROM items AS i;
INSERT INTO sink SELECT t.id, items.name FROM items AS i;
INSERT INTO sink SELECT parts.c, parts.a.b FROM items;
INSERT INTO sink SELECT id, UPER(name) FROM items;
INSERT INTO sink SELECT u.* FROM items;
INSERT INTO sink SELECT id, name FROM items AS i
JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.user_id;
INSERT INTO sink SELECT i.id, 'x' FROM items AS i
JOIN users FOR SYSTEM_TIME AS OF i.proctime AS i ON i.id = i.user_id;
INSERT INTO sink SELECT a, 'x' FROM (SELECT id AS a, user_id AS a FROM items) AS x;
INSERT INTO sink SELECT b, 'x' FROM items AS t (a, b);
