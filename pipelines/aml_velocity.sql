-- Velocity: accounts that send many transfers, or much money, within a short time.
--
-- A window of ${WINDOW_MINUTES} minutes begins every ${SLIDE_MINUTES} minutes. Each account whose new
-- transfers in a window reach ${MIN_TRANSFERS} in number or ${MIN_TOTAL} in sum is one event. Sums of
-- different currencies do not add up, so an account with two currencies counts for each.
--
-- Without --kafka_brokers a recording of the topic is read, without --pubsub_topic the events go to
-- a file.

CREATE TABLE transfers (
  id BIGINT,
  account_id BIGINT,
  amount DECIMAL(15, 2),
  currency STRING,
  created_at TIMESTAMP(6),
  op STRING METADATA FROM 'op' VIRTUAL,
  -- A transfer that comes later than this, after others of the same time, is a dead letter if all
  -- its windows have ended.
  WATERMARK FOR created_at AS created_at - INTERVAL '${LATE_MINUTES}' MINUTE
) WITH (
  'connector' = 'kafka',
  'topic' = 'core.bank.transfers',
  'properties.bootstrap.servers' = '${KAFKA_BROKERS:-localhost:9092}',
  'properties.group.id' = '${KAFKA_GROUP:-kamiflow-aml-velocity}',
  'value.format' = 'debezium-avro-confluent',
  'schema-registry.url' = '${SCHEMA_REGISTRY:-http://localhost:8081}'
  ${KAFKA_PROPERTIES:-} ${REGISTRY_PROPERTIES:-}
);

CREATE TABLE events (
  event_name STRING,
  account_id BIGINT,
  currency STRING,
  window_start TIMESTAMP_LTZ(3),
  window_end TIMESTAMP_LTZ(3),
  transfers BIGINT,
  total DECIMAL(38, 2),
  largest DECIMAL(15, 2),
  reasons ROW<many_transfers BOOLEAN, large_total BOOLEAN>
) WITH (
  'connector' = 'pubsub',
  'project-name' = '${PUBSUB_PROJECT:-none}',
  'topic' = '${PUBSUB_TOPIC:-none}',
  'format' = 'json'
);

-- A transfer counts when it is made: later changes of it, and the rows of a snapshot, do not.
CREATE TEMPORARY VIEW new_transfers AS
SELECT account_id, amount, currency, created_at FROM transfers WHERE op = 'c';

INSERT INTO events
SELECT
  'transfer velocity',
  account_id,
  currency,
  CAST(window_start AS TIMESTAMP_LTZ(3)),
  CAST(window_end AS TIMESTAMP_LTZ(3)),
  COUNT(*),
  SUM(amount),
  MAX(amount),
  (COUNT(*) >= ${MIN_TRANSFERS}, SUM(amount) >= ${MIN_TOTAL})
FROM TABLE(
  HOP(
    TABLE new_transfers,
    DESCRIPTOR(created_at),
    INTERVAL '${SLIDE_MINUTES}' MINUTE,
    INTERVAL '${WINDOW_MINUTES}' MINUTE
  )
)
GROUP BY account_id, currency, window_start, window_end
HAVING COUNT(*) >= ${MIN_TRANSFERS} OR SUM(amount) >= ${MIN_TOTAL};
