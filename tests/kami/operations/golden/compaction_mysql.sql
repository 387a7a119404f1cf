SELECT COUNT(*) AS `dead_letters`, MIN(d.`order_key`) AS `lowest`, ANY_VALUE(d.`error`) AS `error`
FROM `shop`.`_dead_letters` AS d
WHERE (
    d.`table_name` = 'orders'
    OR (d.`table_name` IS NULL AND d.`topic` IN (SELECT l.`_topic` FROM `shop`.`orders_change_log` AS l))
  )
  AND (d.`order_key` IS NULL OR d.`order_key` <= '0000/0000000000000064/0000000000000000/00000001')
;
WITH delivered AS (
  SELECT l.`_topic` AS `topic`, l.`_topic_partition` AS `topic_partition`, l.`_offset` AS `topic_offset`, COALESCE(l.`op`, '') = 'd' AS `is_delete`, l.`_order_key` <= '0000/0000000000000064/0000000000000000/00000001' AS `is_below`
  FROM `shop`.`orders_change_log` AS l
  WHERE l.`_offset` IS NOT NULL
  UNION ALL
  SELECT l.`_topic` AS `topic`, l.`_topic_partition` AS `topic_partition`, l.`_offset` AS `topic_offset`, COALESCE(l.`op`, '') = 'd' AS `is_delete`, TRUE AS `is_below`
  FROM `shop`.`orders_archive` AS l
  WHERE l.`_offset` IS NOT NULL
  UNION ALL
  SELECT d.`topic`, d.`topic_partition`, d.`topic_offset`, FALSE AS `is_delete`, FALSE AS `is_below`
  FROM `shop`.`_dead_letters` AS d
  WHERE d.`topic_offset` IS NOT NULL
),
distinct_offsets AS (
  SELECT `topic`, `topic_partition`, `topic_offset`, LOGICAL_OR(`is_delete`) AS `is_delete`, LOGICAL_OR(`is_below`) AS `is_below`
  FROM delivered
  GROUP BY `topic`, `topic_partition`, `topic_offset`
),
steps AS (
  SELECT
    `topic`,
    `topic_partition`,
    LAG(`topic_offset`) OVER (PARTITION BY `topic`, `topic_partition` ORDER BY `topic_offset`) + IF(LAG(`is_delete`) OVER (PARTITION BY `topic`, `topic_partition` ORDER BY `topic_offset`), 2, 1) AS `first_missing`,
    `topic_offset` - 1 AS `last_missing`,
    `topic_offset`,
    MAX(IF(`is_below`, `topic_offset`, NULL)) OVER (PARTITION BY `topic`, `topic_partition`) AS `last_below`
  FROM distinct_offsets
)
SELECT `topic`, `topic_partition`, `first_missing`, `last_missing`
FROM steps
WHERE `first_missing` <= `last_missing` AND `topic_offset` <= `last_below`
ORDER BY `topic`, `topic_partition`, `first_missing`
LIMIT 20
;
INSERT INTO `shop`.`orders_quarantine` (`_key`, `key`, `before`, `after`, `op`, `ts_ms`, `transaction`, `database_name`, `ddl`, `source`, `_order_key`, `_event_id`, `_ingested_at`, `_topic`, `_topic_partition`, `_offset`, `_old_key`, `_new_key`, `_missing_columns`)
SELECT l.`_key`, l.`key`, l.`before`, l.`after`, l.`op`, l.`ts_ms`, l.`transaction`, l.`database_name`, l.`ddl`, l.`source`, l.`_order_key`, l.`_event_id`, l.`_ingested_at`, l.`_topic`, l.`_topic_partition`, l.`_offset`, l.`_old_key`, l.`_new_key`, l.`_missing_columns`
FROM `shop`.`orders_change_log` AS l
LEFT JOIN (SELECT DISTINCT CONCAT(COALESCE(q.`_event_id`, ''), '/', COALESCE(q.`_order_key`, ''), '/', COALESCE(q.`_topic`, ''), '/', COALESCE(CAST(q.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(q.`_offset` AS STRING), '')) AS `identity` FROM `shop`.`orders_quarantine` AS q) AS known
  ON known.`identity` = CONCAT(COALESCE(l.`_event_id`, ''), '/', COALESCE(l.`_order_key`, ''), '/', COALESCE(l.`_topic`, ''), '/', COALESCE(CAST(l.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(l.`_offset` AS STRING), ''))
WHERE known.`identity` IS NULL
  AND l.`_key` IS NOT NULL
  AND l.`_order_key` <= (SELECT MAX(w.`_order_key`) FROM `shop`.`orders_snapshot` AS w WHERE w.`_key` IS NULL)
  AND l.`_key` NOT IN (SELECT s.`_key` FROM `shop`.`orders_snapshot` AS s WHERE s.`_key` IS NOT NULL)
QUALIFY ROW_NUMBER() OVER (PARTITION BY CONCAT(COALESCE(l.`_event_id`, ''), '/', COALESCE(l.`_order_key`, ''), '/', COALESCE(l.`_topic`, ''), '/', COALESCE(CAST(l.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(l.`_offset` AS STRING), '')) ORDER BY l.`_ingested_at`) = 1
;
INSERT INTO `shop`.`_compaction_held_orders` (`_key`)
SELECT DISTINCT other.`_key`
FROM `shop`.`_compaction_lineages_orders` AS own
INNER JOIN `shop`.`_compaction_lineages_orders` AS other ON other.`lineage` = own.`lineage`
WHERE own.`_key` IN (SELECT h.`_key` FROM `shop`.`_compaction_held_orders` AS h)
  AND other.`_key` NOT IN (SELECT h.`_key` FROM `shop`.`_compaction_held_orders` AS h)
;
CREATE OR REPLACE TABLE `shop`.`_compaction_orders` CLUSTER BY `_key` AS
SELECT l.*
FROM `shop`.`orders_change_log` AS l
WHERE l.`_order_key` <= '0000/0000000000000064/0000000000000000/00000001'
  AND (l.`_key` IS NULL OR l.`_key` NOT IN (SELECT h.`_key` FROM `shop`.`_compaction_held_orders` AS h))
  -- What the quarantine is for, and came since it was filled.
  AND (
    l.`_key` IS NULL
    OR l.`_order_key` > (SELECT COALESCE(MAX(w.`_order_key`), '') FROM `shop`.`orders_snapshot` AS w WHERE w.`_key` IS NULL)
    OR l.`_key` IN (SELECT s.`_key` FROM `shop`.`orders_snapshot` AS s WHERE s.`_key` IS NOT NULL)
  )
  AND CONCAT(COALESCE(l.`_event_id`, ''), '/', COALESCE(l.`_order_key`, ''), '/', COALESCE(l.`_topic`, ''), '/', COALESCE(CAST(l.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(l.`_offset` AS STRING), '')) NOT IN (SELECT CONCAT(COALESCE(q.`_event_id`, ''), '/', COALESCE(q.`_order_key`, ''), '/', COALESCE(q.`_topic`, ''), '/', COALESCE(CAST(q.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(q.`_offset` AS STRING), '')) FROM `shop`.`orders_quarantine` AS q)
;
SELECT COUNT(*) AS `places`
FROM (
  SELECT s.`_topic`
  FROM `shop`.`_compaction_orders` AS s
  GROUP BY s.`_topic`, s.`_topic_partition`, s.`_offset`
  HAVING COUNT(*) > 1
  LIMIT 1
) AS repeated
;
CREATE OR REPLACE TABLE `shop`.`_compaction_orders` CLUSTER BY `_key` AS
SELECT s.*
FROM `shop`.`_compaction_orders` AS s
QUALIFY ROW_NUMBER() OVER (PARTITION BY CONCAT(COALESCE(s.`_event_id`, ''), '/', COALESCE(s.`_order_key`, ''), '/', COALESCE(s.`_topic`, ''), '/', COALESCE(CAST(s.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(s.`_offset` AS STRING), '')) ORDER BY s.`_ingested_at`) = 1
;
SELECT
  LEAST(
    (
      SELECT COALESCE(MIN(l.`_order_key`), 'g')
      FROM `shop`.`orders_change_log` AS l
      WHERE l.`_key` IS NOT NULL
        AND CONCAT(COALESCE(l.`_event_id`, ''), '/', COALESCE(l.`_order_key`, ''), '/', COALESCE(l.`_topic`, ''), '/', COALESCE(CAST(l.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(l.`_offset` AS STRING), '')) NOT IN (SELECT CONCAT(COALESCE(s.`_event_id`, ''), '/', COALESCE(s.`_order_key`, ''), '/', COALESCE(s.`_topic`, ''), '/', COALESCE(CAST(s.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(s.`_offset` AS STRING), '')) FROM `shop`.`_compaction_orders` AS s)
    ),
    (
      SELECT COALESCE(MIN(n.`newest`), '')
      FROM (
        SELECT CONCAT(SUBSTR(MAX(e.`_order_key`), 1, 45), '00') AS `newest`
        FROM (
          SELECT l.`_order_key`, l.`_topic`, l.`_topic_partition` FROM `shop`.`orders_change_log` AS l
          UNION ALL
          SELECT a.`_order_key`, a.`_topic`, a.`_topic_partition` FROM `shop`.`orders_archive` AS a
        ) AS e
        WHERE e.`_order_key` IS NOT NULL
        GROUP BY e.`_topic`, e.`_topic_partition`
      ) AS n
    )
  ) AS `below`
;
CREATE OR REPLACE TABLE `shop`.`_compaction_next_orders` CLUSTER BY `_key` AS
WITH
`delivered` AS (
  SELECT `_key`, `_order_key`, `op`, `ts_ms`, `after`, `source`, `_topic`, `_topic_partition`, `_offset`, `_missing_columns`, `_old_key`, `_new_key` FROM `shop`.`_compaction_orders`
),
`in_order` AS (
  SELECT
    d.`_key`,
    IF(d.`op` = 'r', CONCAT(SUBSTR(d.`_order_key`, 1, 45), '02'), d.`_order_key`) AS `_order_key`,
    d.`op`,
    d.`ts_ms`,
    d.`after`,
    d.`_offset`,
    d.`_missing_columns`,
    d.`_old_key`,
    d.`_new_key`
  FROM `delivered` AS d
),
`events` AS (
  -- One row an event, however often it was delivered.
  SELECT l.*
  FROM `in_order` AS l
  WHERE l.`_key` IS NOT NULL AND l.`_order_key` IS NOT NULL AND l.`op` IN ('c', 'u', 'd', 'r')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY l.`_key` ORDER BY l.`_order_key` DESC, l.`_offset` DESC) = 1
),
`truncates` AS (
  SELECT `_order_key`, `ts_ms` FROM `shop`.`_compaction_orders` WHERE `op` = 't' AND `_order_key` IS NOT NULL
),
`read_rows` AS (
  SELECT
    s.`_key`,
    s.`_order_key`,
s.`_order_key` AS `_place`,
    s.`_deleted`,
    s.`_snapshot_at`,
    s.`id` AS `id`,
    s.`price` AS `price`,
    s.`note` AS `note`
  FROM `shop`.`orders_snapshot` AS s
  WHERE s.`_key` IS NOT NULL
),
`steps` AS (
  SELECT
    l.`_key`,
    l.`_order_key`,
    l.`_order_key` AS `_place`,
    1 AS `_is_event`,
    l.`op` AS `_op`,
    l.`ts_ms` AS `_ts_ms`,
    TIMESTAMP '2026-01-01 00:00:00.000000+00' AS `_snapshot_at`,
    l.`op` = 'c' AND l.`_old_key` IS NOT NULL AS `_comes_from_key`,
    l.`op` = 'd' AND l.`_new_key` IS NOT NULL AS `_goes_to_key`,
    SAFE_CAST(JSON_VALUE(l.`after`['id']) AS INT64) AS `id`,
    SAFE.ROUND(SAFE_CAST(JSON_VALUE(l.`after`['price']) AS NUMERIC), 2) AS `price`,
    JSON_VALUE(l.`after`['note']) AS `note`
  FROM `events` AS l
  UNION ALL
  SELECT
    s.`_key`,
    s.`_order_key`,
    s.`_place`,
    0 AS `_is_event`,
    IF(s.`_deleted`, 'd', 'r') AS `_op`,
    CAST(NULL AS TIMESTAMP) AS `_ts_ms`,
    s.`_snapshot_at`,
    FALSE AS `_comes_from_key`,
    FALSE AS `_goes_to_key`,
    s.`id`,
    s.`price`,
    s.`note`
  FROM `read_rows` AS s
),
`known` AS (
  SELECT
    p.`_key`,
    p.`_order_key`,
    p.`_place`,
    p.`_is_event`,
    p.`_op`,
    p.`_ts_ms`,
    p.`_snapshot_at`,
    p.`_comes_from_key`,
    p.`_goes_to_key`,
p.`id` AS `id`,
p.`price` AS `price`,
p.`note` AS `note`
  FROM `steps` AS p
  WHERE p.`_op` != 'moved'
)
,
`placed` AS (
  SELECT
    p.*,
    ROW_NUMBER() OVER (PARTITION BY p.`_key` ORDER BY p.`_place` DESC, p.`_is_event` DESC) AS `_age`
  FROM `known` AS p
),
`newest` AS (
  SELECT
    p.*,
COALESCE(p.`_op` = 'd' AND p.`_is_event` = 0 AND p.`_snapshot_at` < TIMESTAMP '2026-01-01 00:00:00.000000+00' AND p.`_order_key` < '0000/0000000000000014/0000000000000000/00000001', FALSE) AS `_is_purged`
  FROM `placed` AS p
  WHERE p.`_age` = 1
    AND p.`_place` > '0000/000000000000001e/0000000000000000/00000001'
    -- A change as old as what was compacted when the snapshot was taken, of a key that it lacks,
    -- is a repeat of a row that was deleted before.
    AND NOT (
      p.`_is_event` = 1
      AND p.`_op` != 'd'
      AND p.`_key` NOT IN (SELECT s.`_key` FROM `shop`.`orders_snapshot` AS s WHERE s.`_key` IS NOT NULL)
      AND p.`_key` NOT IN (SELECT l.`_key` FROM `shop`.`orders_change_log` AS l WHERE l.`_key` IS NOT NULL AND l.`_order_key` > (SELECT COALESCE(MAX(LEAST(a.`order_key`, c.`cut`)), '') FROM `shop`.`_snapshots` AS a CROSS JOIN `shop`.`_compactions` AS c WHERE a.`table_name` = 'orders' AND a.`state` = 'done' AND c.`table_name` = 'orders' AND c.`finished_at` IS NOT NULL))
    )
),
`watermark` AS (
  -- One row without a key stands for all deleted rows that were forgotten: nothing as old as the
  -- newest of them comes in any more, unless the snapshot has its key.
  SELECT MAX(w.`_order_key`) AS `_order_key`
  FROM (
    SELECT s.`_order_key` FROM `shop`.`orders_snapshot` AS s WHERE s.`_key` IS NULL
    UNION ALL
    SELECT p.`_order_key` FROM `newest` AS p WHERE p.`_is_purged`
  ) AS w
)
SELECT
  p.`_key`,
  p.`_order_key`,
  p.`_op` = 'd' AS `_deleted`,
  p.`_snapshot_at`,
IF(p.`_op` = 'd', NULL, p.`id`) AS `id`,
ROUND(CAST(IF(p.`_op` = 'd', NULL, p.`price`) AS NUMERIC), 2) AS `price`,
IF(p.`_op` = 'd', NULL, p.`note`) AS `note`
FROM `newest` AS p
WHERE NOT p.`_is_purged`
UNION ALL
SELECT
  CAST(NULL AS STRING) AS `_key`,
  w.`_order_key`,
  TRUE AS `_deleted`,
  TIMESTAMP '2026-01-01 00:00:00.000000+00' AS `_snapshot_at`,
  CAST(NULL AS INT64) AS `id`,
  ROUND(CAST(NULL AS NUMERIC), 2) AS `price`,
  CAST(NULL AS STRING) AS `note`
FROM `watermark` AS w
WHERE w.`_order_key` IS NOT NULL
;
INSERT INTO `shop`.`orders_snapshot_archive` (`_key`, `_order_key`, `_deleted`, `_snapshot_at`, `id`, `price`, `note`)
SELECT s.`_key`, s.`_order_key`, s.`_deleted`, s.`_snapshot_at`, s.`id`, s.`price`, s.`note`
FROM `shop`.`orders_snapshot` AS s
LEFT JOIN (
  SELECT n.`_key`, n.`_order_key` FROM `shop`.`_compaction_next_orders` AS n
  UNION DISTINCT
  SELECT a.`_key`, a.`_order_key` FROM `shop`.`orders_archive` AS a
  UNION DISTINCT
  SELECT l.`_key`, l.`_order_key` FROM `shop`.`_compaction_orders` AS l
  UNION DISTINCT
  SELECT o.`_key`, o.`_order_key` FROM `shop`.`orders_snapshot_archive` AS o
) AS kept
  ON kept.`_key` = s.`_key` AND kept.`_order_key` = s.`_order_key`
WHERE s.`_key` IS NOT NULL AND NOT s.`_deleted` AND kept.`_key` IS NULL
;
INSERT INTO `shop`.`orders_archive` (`_key`, `key`, `before`, `after`, `op`, `ts_ms`, `transaction`, `database_name`, `ddl`, `source`, `_order_key`, `_event_id`, `_ingested_at`, `_topic`, `_topic_partition`, `_offset`, `_old_key`, `_new_key`, `_missing_columns`)
SELECT s.`_key`, s.`key`, s.`before`, s.`after`, s.`op`, s.`ts_ms`, s.`transaction`, s.`database_name`, s.`ddl`, s.`source`, s.`_order_key`, s.`_event_id`, s.`_ingested_at`, s.`_topic`, s.`_topic_partition`, s.`_offset`, s.`_old_key`, s.`_new_key`, s.`_missing_columns`
FROM `shop`.`_compaction_orders` AS s
LEFT JOIN (
  SELECT DISTINCT CONCAT(COALESCE(a.`_event_id`, ''), '/', COALESCE(a.`_order_key`, ''), '/', COALESCE(a.`_topic`, ''), '/', COALESCE(CAST(a.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(a.`_offset` AS STRING), '')) AS `identity`
  FROM `shop`.`orders_archive` AS a
  WHERE a.`_order_key` >= '0000/000000000000000a/0000000000000000/00000001'
) AS known
  ON known.`identity` = CONCAT(COALESCE(s.`_event_id`, ''), '/', COALESCE(s.`_order_key`, ''), '/', COALESCE(s.`_topic`, ''), '/', COALESCE(CAST(s.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(s.`_offset` AS STRING), ''))
WHERE known.`identity` IS NULL
;
SELECT
  (SELECT COUNT(*) FROM `shop`.`_compaction_orders`) AS `staged`,
  (
    SELECT COUNT(*) FROM (
      SELECT s.`_event_id`, FARM_FINGERPRINT(TO_JSON_STRING(STRUCT(s.`_key`, s.`key`, s.`before`, s.`after`, s.`op`, s.`ts_ms`, s.`transaction`, s.`database_name`, s.`ddl`, s.`source`, s.`_order_key`, s.`_event_id`, s.`_topic`, s.`_topic_partition`, s.`_offset`, s.`_old_key`, s.`_new_key`, s.`_missing_columns`))) AS `fingerprint`
      FROM `shop`.`_compaction_orders` AS s
      EXCEPT DISTINCT
      SELECT a.`_event_id`, FARM_FINGERPRINT(TO_JSON_STRING(STRUCT(a.`_key`, a.`key`, a.`before`, a.`after`, a.`op`, a.`ts_ms`, a.`transaction`, a.`database_name`, a.`ddl`, a.`source`, a.`_order_key`, a.`_event_id`, a.`_topic`, a.`_topic_partition`, a.`_offset`, a.`_old_key`, a.`_new_key`, a.`_missing_columns`))) AS `fingerprint`
      FROM `shop`.`orders_archive` AS a
      WHERE a.`_ingested_at` >= TIMESTAMP '2026-01-01 00:00:00.000000+00'
    ) AS missing
  ) AS `missing`
;
DELETE FROM `shop`.`orders_change_log` AS l
WHERE l.`_order_key` <= '0000/0000000000000064/0000000000000000/00000001'
  AND NOT (l.`op` IS NOT DISTINCT FROM 't' AND l.`_order_key` = '0000/000000000000001e/0000000000000000/00000001')
  AND CONCAT(COALESCE(l.`_event_id`, ''), '/', COALESCE(l.`_order_key`, ''), '/', COALESCE(l.`_topic`, ''), '/', COALESCE(CAST(l.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(l.`_offset` AS STRING), '')) IN (SELECT CONCAT(COALESCE(s.`_event_id`, ''), '/', COALESCE(s.`_order_key`, ''), '/', COALESCE(s.`_topic`, ''), '/', COALESCE(CAST(s.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(s.`_offset` AS STRING), '')) FROM `shop`.`_compaction_orders` AS s)
;
DELETE FROM `shop`.`orders_change_log` AS l
WHERE CONCAT(CONCAT(COALESCE(l.`_event_id`, ''), '/', COALESCE(l.`_order_key`, ''), '/', COALESCE(l.`_topic`, ''), '/', COALESCE(CAST(l.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(l.`_offset` AS STRING), '')), ' ', CAST(FARM_FINGERPRINT(TO_JSON_STRING(STRUCT(l.`_key`, l.`key`, l.`before`, l.`after`, l.`op`, l.`ts_ms`, l.`transaction`, l.`database_name`, l.`ddl`, l.`source`, l.`_order_key`, l.`_event_id`, l.`_topic`, l.`_topic_partition`, l.`_offset`, l.`_old_key`, l.`_new_key`, l.`_missing_columns`))) AS STRING)) IN (
  SELECT CONCAT(CONCAT(COALESCE(q.`_event_id`, ''), '/', COALESCE(q.`_order_key`, ''), '/', COALESCE(q.`_topic`, ''), '/', COALESCE(CAST(q.`_topic_partition` AS STRING), ''), '/', COALESCE(CAST(q.`_offset` AS STRING), '')), ' ', CAST(FARM_FINGERPRINT(TO_JSON_STRING(STRUCT(q.`_key`, q.`key`, q.`before`, q.`after`, q.`op`, q.`ts_ms`, q.`transaction`, q.`database_name`, q.`ddl`, q.`source`, q.`_order_key`, q.`_event_id`, q.`_topic`, q.`_topic_partition`, q.`_offset`, q.`_old_key`, q.`_new_key`, q.`_missing_columns`))) AS STRING)) FROM `shop`.`orders_quarantine` AS q
)
