-- Lookups of every kind: two keys, a rest of the condition, one query a key, a password elsewhere.
SET 'table.local-time-zone' = 'Europe/Berlin';
CREATE TABLE orders (
  id BIGINT, region STRING, customer_id BIGINT, amount DECIMAL(10, 2),
  op STRING METADATA VIRTUAL, proctime AS PROCTIME(), PRIMARY KEY (id) NOT ENFORCED
) WITH ('connector' = 'recording', 'path' = '${RECORDING}', 'topic' = 'shop.orders', 'debezium.deletes' = 'key');
CREATE TABLE customers (id BIGINT, region STRING, name STRING, since DATE) WITH (
  'connector' = 'jdbc', 'url' = 'jdbc:mysql://db.example:3306/shop', 'table-name' = 'crm.customers',
  'username' = 'reader', 'password' = 'env://SHOP_PASSWORD', 'lookup.cache.ttl' = '10 min',
  'lookup.cache.max-rows' = '5000', 'lookup.cache.caching-missing-key' = 'false');
CREATE TABLE sink (
  id BIGINT, name STRING, orders ARRAY<ROW<id BIGINT, note STRING>>, nothing STRING
) WITH ('connector' = 'print', 'json.encode.ignore-null-fields' = 'true');
INSERT INTO sink (id, name, orders)
SELECT o.id, c.name, LOOKUP_ARRAY(
    'customers', 'SELECT id, note FROM notes WHERE customer_id = :key ORDER BY id LIMIT 3',
    o.customer_id, 'ROW<id BIGINT, note STRING>')
FROM orders AS o
JOIN customers FOR SYSTEM_TIME AS OF o.proctime AS c
  ON c.id = o.customer_id AND c.region = o.region AND c.since < CURRENT_DATE
WHERE o.op IN ('c', 'u') AND c.name IS NOT NULL
  AND (o.amount > 10
    OR o.region = 'x');
