CREATE TABLE connector_nowhere (id BIGINT);
CREATE TABLE connector_unknown (id BIGINT) WITH ('connector' = 'recordings', 'path' = 'r');
CREATE TABLE connector_twice (id BIGINT) WITH ('connector' = 'print', 'connector' = 'print');

CREATE TABLE many_options (
  id BIGNUM,
  price DECIMAL(50, 2),
  names ARRAY<STRING, INT>,
  id2 BIGINT,
  id2 BIGINT,
  op STRING METADATA,
  PRIMARY KEY (id2) NOT ENFORCED,
  PRIMARY KEY (id2, id3, id2, op) NOT ENFORCED,
  WATERMARK FOR changed AS changed
) WITH (
  'connector' = 'recording',
  'topik' = 'shop.items',
  'value.format' = 'xml',
  'format' = 'avro-confluent',
  'debezium.deletes' = 'some'
);

CREATE TABLE unknown_field (part ROW<a INT, b NUMBERS>) WITH ('connector' = 'print');
CREATE TABLE password_in_the_address (id BIGINT) WITH ('connector' = 'jdbc', 'url' = 'mysql://me:hunter2@host/shop', 'table-name' = 't', 'username' = 'me', 'passwort' = 'env://P');

CREATE TABLE inline_keys (a INT PRIMARY KEY NOT ENFORCED, b INT PRIMARY KEY NOT ENFORCED)
WITH ('connector' = 'print');

CREATE TABLE keys_of_deletes (a INT)
WITH ('connector' = 'recording', 'path' = 'r', 'debezium.deletes' = 'key');

CREATE TABLE plain_metadata (op STRING METADATA)
WITH ('connector' = 'recording', 'path' = 'r', 'value.format' = 'avro-confluent');

CREATE TABLE sink_metadata (op STRING METADATA) WITH ('connector' = 'print');

CREATE TABLE database (id BIGINT) WITH (
  'connector' = 'jdbc',
  'url' = 'sqlite:///customers.db',
  'table-name' = 'customers',
  'password' = 'hunter2',
  'lookup.cache.ttl' = '60 seconds',
  'lookup.cache.max-rows' = '0',
  'lookup.cache.caching-missing-key' = 'yes',
  'lookup.max-retries' = '-1',
  'lookup.max-queries-per-second' = 'many'
);

CREATE TABLE "double_quoted" (id BIGINT) WITH ('connector' = 'print');
CREATE TABLE sink (id BIGINT) WITH ('connector' = 'print');
CREATE VIEW sink AS SELECT * FROM inline_keys;

CREATE TABLE metadata (
  op INT METADATA,
  nothing STRING METADATA FROM 'nothings' VIRTUAL,
  headers MAP<STRING, STRING> METADATA,
  `offset` STRING METADATA
) WITH ('connector' = 'recording', 'path' = 'r');
