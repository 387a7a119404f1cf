-- Messages of a Pub/Sub subscription become events of Splunk's HTTP Event Collector.
--
-- The payload is JSON and goes on as it is: no column is read out of it and written again. What the
-- flags say stands in place of the ${NAME}s.
CREATE TABLE messages (
  payload STRING
) WITH (
  'connector' = 'pubsub',
  'project-name' = '${PUBSUB_PROJECT}',
  'topic-subscription-name' = '${SUBSCRIPTION}',
  'format' = 'raw'${SUBSCRIPTION_OPTIONS}
);

CREATE TABLE splunk (
  `time` STRING,
  `index` STRING,
  source STRING,
  sourcetype STRING,
  host STRING,
  event STRING
) WITH (
  'connector' = 'splunk-hec',
  'url' = '${SPLUNK_URL}',
  'token' = '${SPLUNK_TOKEN}',
  'format' = 'raw',
  'key.fields' = 'time;index;source;sourcetype;host',
  'json.encode.ignore-null-fields' = 'true'${SPLUNK_OPTIONS}
);

-- The time of an event that says none is that of its message; the rest is the token's own.
INSERT INTO splunk
SELECT ${TIME}, ${INDEX}, ${SOURCE}, ${SOURCETYPE}, ${HOST}, ${EVENT}
FROM messages;
