CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), user_id BIGINT, parts ROW<a INT, b STRING>,
  tags ARRAY<STRING>, op STRING METADATA VIRTUAL, proctime AS PROCTIME()
) WITH ('connector' = 'recording', 'path' = 'r', 'topic' = 'shop.items');
CREATE TABLE users (id BIGINT PRIMARY KEY NOT ENFORCED, name STRING)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///users.db', 'table-name' = 'users');
CREATE TABLE sink (id BIGINT NOT NULL, name STRING)
WITH ('connector' = 'filesystem', 'path' = 'out.jsonl', 'format' = 'json');

INSERT INTO sink SELECT id, MAX(name) FROM items GROUP BY id;
INSERT INTO sink SELECT COUNT(*), 'x' FROM items;
INSERT INTO sink SELECT COUNT(DISTINCT id), 'x' FROM items;
INSERT INTO sink SELECT id, name FROM items HAVING SUM(price) > 1;
INSERT INTO sink SELECT DISTINCT id, name FROM items;
INSERT INTO sink SELECT id, name FROM items ORDER BY id;
INSERT INTO sink SELECT id, name FROM items LIMIT 10;
INSERT INTO sink SELECT id, name FROM items OFFSET 10;
INSERT INTO sink SELECT id, name FROM items FETCH FIRST 3 ROWS ONLY;
INSERT INTO sink SELECT id, LAG(name) OVER (PARTITION BY id ORDER BY proctime) FROM items;
INSERT INTO sink SELECT id, name FROM items WHERE id IN (SELECT id FROM items);
INSERT INTO sink SELECT id, name FROM items WHERE EXISTS (SELECT id FROM items);
INSERT INTO sink SELECT id, name FROM items WHERE id = (SELECT MAX(id) FROM items);
INSERT INTO sink SELECT id, name FROM items UNION SELECT id, name FROM items;
INSERT INTO sink SELECT id, name FROM items INTERSECT SELECT id, name FROM items;
INSERT INTO sink SELECT id, name FROM items UNION ALL SELECT id, name FROM items ORDER BY id LIMIT 3;
INSERT INTO sink SELECT a.id, b.name FROM items AS a JOIN items AS b ON a.id = b.id;
INSERT INTO sink SELECT a.id, b.name FROM items AS a, items AS b;
INSERT INTO sink SELECT i.id, tag FROM items AS i CROSS JOIN UNNEST(i.tags) AS t (tag);
INSERT INTO sink SELECT id, name FROM TABLE(TUMBLE(TABLE items, DESCRIPTOR(proctime), INTERVAL '1' MINUTE));
INSERT INTO sink
SELECT id, name
FROM TABLE(HOP(TABLE items, DESCRIPTOR(proctime), INTERVAL '1' MINUTE, INTERVAL '1' HOUR)) AS w
GROUP BY id, name, window_start;
INSERT INTO sink SELECT id, name FROM items TABLESAMPLE BERNOULLI (10);
INSERT INTO sink SELECT * EXCEPT (price) FROM items;
INSERT INTO sink SELECT 1, 'x';
