-- Anti-money-laundering screening: every change of a transfer or a card payment becomes an event
-- for Splunk, with what is known of the customer.
--
-- The topics and the Pub/Sub topic are what the flags say; without --kafka_brokers a recording of
-- the same topics is read, without --pubsub_topic the events go to a file. ${LOOKUP_URL} is the
-- customer database. ${KAFKA_PROPERTIES} and its like are further options that flags give.

-- MySQL, core banking. Its dates are German text; its DATETIMEs are UTC.
CREATE TABLE transfers (
  id BIGINT,
  account_id BIGINT,
  customer_id BIGINT,
  counterparty_name STRING,
  counterparty_iban STRING,
  counterparty_country STRING,
  amount DECIMAL(15, 2),
  currency STRING,
  channel STRING,
  purpose STRING,
  value_date STRING,
  status STRING,
  created_at TIMESTAMP(6),
  updated_at TIMESTAMP_LTZ(6),
  sanction_hit BOOLEAN,  -- added while the topic was running: NULL before
  op STRING METADATA FROM 'op' VIRTUAL,
  changed_at BIGINT METADATA FROM 'source.ts_ms' VIRTUAL,
  event_id STRING METADATA FROM 'event_id' VIRTUAL,
  order_key STRING METADATA FROM 'order_key' VIRTUAL,
  proctime AS PROCTIME(),
  PRIMARY KEY (id) NOT ENFORCED
) WITH (
  'connector' = 'kafka',
  'topic' = 'core.bank.transfers',
  'properties.bootstrap.servers' = '${KAFKA_BROKERS:-localhost:9092}',
  'properties.group.id' = '${KAFKA_GROUP:-kamiflow-aml}',
  'value.format' = 'debezium-avro-confluent',
  'schema-registry.url' = '${SCHEMA_REGISTRY:-http://localhost:8081}'
  ${KAFKA_PROPERTIES:-} ${REGISTRY_PROPERTIES:-}
);

-- PostgreSQL, card processing. A delete has its key alone (REPLICA IDENTITY DEFAULT).
CREATE TABLE card_payments (
  id STRING,
  card_token STRING,
  customer_id BIGINT,
  merchant_name STRING,
  merchant_category INT,
  merchant_country STRING,
  amount DECIMAL(12, 2),
  currency STRING,
  auth_date STRING,
  approved BOOLEAN,
  risk_score DOUBLE,
  metadata STRING,
  created_at TIMESTAMP_LTZ(6),
  updated_at TIMESTAMP(6),
  op STRING METADATA FROM 'op' VIRTUAL,
  changed_at BIGINT METADATA FROM 'source.ts_ms' VIRTUAL,
  event_id STRING METADATA FROM 'event_id' VIRTUAL,
  order_key STRING METADATA FROM 'order_key' VIRTUAL,
  proctime AS PROCTIME(),
  PRIMARY KEY (id) NOT ENFORCED
) WITH (
  'connector' = 'kafka',
  'topic' = 'cards.public.card_payments',
  'properties.bootstrap.servers' = '${KAFKA_BROKERS:-localhost:9092}',
  'properties.group.id' = '${KAFKA_GROUP:-kamiflow-aml}',
  'value.format' = 'debezium-avro-confluent',
  'schema-registry.url' = '${SCHEMA_REGISTRY:-http://localhost:8081}',
  'debezium.deletes' = 'key'
  ${KAFKA_PROPERTIES:-} ${REGISTRY_PROPERTIES:-}
);

CREATE TABLE customers (
  id BIGINT,
  name STRING,
  country STRING,
  risk_class STRING,
  birth_date STRING,
  pep INT,
  PRIMARY KEY (id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${LOOKUP_URL}',
  'table-name' = 'customers',
  'lookup.cache.ttl' = '60s',
  'lookup.cache.max-rows' = '100000'
  ${LOOKUP_LOGIN:-}
);

CREATE TABLE customer_flags (
  customer_id BIGINT,
  flag STRING,
  raised_at STRING,
  severity INT
) WITH (
  'connector' = 'jdbc',
  'url' = '${LOOKUP_URL}',
  'table-name' = 'customer_flags',
  'lookup.cache.ttl' = '60s',
  'lookup.cache.max-rows' = '100000'
  ${LOOKUP_LOGIN:-}
);

-- What Splunk's HTTP Event Collector takes.
CREATE TABLE events (
  `time` DECIMAL(16, 3),
  source STRING,
  `index` STRING,
  event ROW<
    event_name STRING,
    id STRING,
    customer ROW<id BIGINT, name STRING, country STRING, risk_class STRING, pep BOOLEAN>,
    flags ARRAY<ROW<flag STRING, severity INT>>,
    counterparty STRING,
    counterparty_country STRING,
    amount DECIMAL(15, 2),
    currency STRING,
    booked_on STRING,
    screening STRING,
    created_at TIMESTAMP_LTZ(3),
    updated_at TIMESTAMP_LTZ(3)>,
  fields ROW<event_id STRING, order_key STRING, op STRING>
) WITH (
  'connector' = 'pubsub',
  'project-name' = '${PUBSUB_PROJECT:-none}',
  'topic' = '${PUBSUB_TOPIC:-none}',
  'format' = 'json'
);

CREATE TEMPORARY VIEW changes AS
SELECT
  'mysql:core.bank.transfers' AS source,
  'transfer' AS kind,
  CAST(id AS STRING) AS id,
  customer_id,
  counterparty_name AS counterparty,
  counterparty_country,
  amount,
  currency,
  FORMAT_DATE_ANY(value_date, 'dd.MM.yyyy', 'yyyy-MM-dd') AS booked_on,
  CAST(created_at AS TIMESTAMP_LTZ(3)) AS created_at,
  CAST(updated_at AS TIMESTAMP_LTZ(3)) AS updated_at,
  CASE
    WHEN sanction_hit THEN 'sanctions list'
    WHEN status = 'reversed' THEN 'reversal'
    WHEN amount >= 10000 THEN 'above the reporting limit'
    WHEN amount >= 9000 THEN 'just below the reporting limit'
    ELSE 'standard'
  END AS screening,
  op, changed_at, event_id, order_key, proctime
FROM transfers
UNION ALL
SELECT
  'postgresql:cards.public.card_payments',
  'card payment',
  id,
  customer_id,
  UPPER(TRIM(merchant_name)),
  COALESCE(JSON_VALUE(metadata, '$.country'), merchant_country),
  CAST(amount AS DECIMAL(15, 2)),
  currency,
  FORMAT_DATE_ANY(auth_date, 'yyyyMMdd', 'yyyy-MM-dd'),
  CAST(created_at AS TIMESTAMP_LTZ(3)),
  CAST(updated_at AS TIMESTAMP_LTZ(3)),
  CASE
    WHEN NOT approved THEN 'declined'
    WHEN risk_score >= 0.8 THEN 'risky card payment'
    ELSE 'standard'
  END,
  op, changed_at, event_id, order_key, proctime
FROM card_payments;

INSERT INTO events
SELECT
  CAST(t.changed_at / 1000.0 AS DECIMAL(16, 3)),
  t.source,
  'aml',
  (
    t.kind || ' ' || CASE t.op
      WHEN 'c' THEN 'created'
      WHEN 'u' THEN 'updated'
      WHEN 'd' THEN 'deleted'
      WHEN 't' THEN 'table truncated'
      ELSE 'read'
    END,
    t.id,
    (t.customer_id, c.name, c.country, COALESCE(c.risk_class, 'unknown'), c.pep = 1),
    LOOKUP_ARRAY(
      'customer_flags',
      'SELECT flag, severity FROM customer_flags WHERE customer_id = :key ORDER BY severity DESC, flag',
      t.customer_id
    ),
    t.counterparty,
    t.counterparty_country,
    t.amount,
    t.currency,
    t.booked_on,
    t.screening,
    t.created_at,
    t.updated_at
  ),
  (t.event_id, t.order_key, t.op)
FROM changes AS t
LEFT JOIN customers FOR SYSTEM_TIME AS OF t.proctime AS c ON c.id = t.customer_id
-- The rows of the initial snapshot were screened when they were loaded.
WHERE t.op <> 'r';
