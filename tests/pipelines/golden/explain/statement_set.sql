-- One source, read once by two statements; views, a star, and columns that no one reads.
CREATE TABLE items (id BIGINT, name STRING, unread STRING, `time` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp')
WITH ('connector' = 'recording', 'path' = 'r', 'format' = 'avro-confluent');
CREATE TABLE all_items (id BIGINT, name STRING) WITH ('connector' = 'filesystem', 'path' = '${OUTPUT_DIR}/all.jsonl', 'format' = 'json');
CREATE TABLE named (name STRING, at STRING) WITH ('connector' = 'filesystem', 'path' = '${OUTPUT_DIR}/named.jsonl', 'format' = 'json');
CREATE VIEW short AS SELECT id, name, `time` FROM items WHERE CHAR_LENGTH(name) < 10;
EXECUTE STATEMENT SET BEGIN
  INSERT INTO all_items WITH x AS (SELECT id, name FROM items) SELECT * FROM x;
  INSERT INTO named SELECT name, DATE_FORMAT(`time`, 'yyyy-MM-dd') FROM short
  UNION ALL SELECT 'all', NULL FROM items;
END;
