WITH
`delivered` AS (
  SELECT `_key`, `_order_key`, `op`, `ts_ms`, `after`, `source`, `_topic`, `_topic_partition`, `_offset`, `_missing_columns`, `_old_key`, `_new_key` FROM `shop`.`orders_change_log`
  UNION ALL
  SELECT `_key`, `_order_key`, `op`, `ts_ms`, `after`, `source`, `_topic`, `_topic_partition`, `_offset`, `_missing_columns`, `_old_key`, `_new_key` FROM `shop`.`orders_archive`
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
  QUALIFY ROW_NUMBER() OVER (PARTITION BY l.`_key`, l.`_order_key` ORDER BY l.`_offset` DESC) = 1
),
`truncates` AS (
  SELECT `_order_key`, `ts_ms` FROM `shop`.`orders_change_log` WHERE `op` = 't' AND `_order_key` IS NOT NULL
  UNION ALL
  SELECT `_order_key`, `ts_ms` FROM `shop`.`orders_archive` WHERE `op` = 't' AND `_order_key` IS NOT NULL
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
    CAST(NULL AS STRING) AS `note`
  FROM `shop`.`orders_snapshot` AS s
  WHERE s.`_key` IS NOT NULL
  UNION ALL
  SELECT
    s.`_key`,
    s.`_order_key`,
s.`_order_key` AS `_place`,
    s.`_deleted`,
    s.`_snapshot_at`,
    s.`id` AS `id`,
    s.`price` AS `price`,
    CAST(NULL AS STRING) AS `note`
  FROM `shop`.`orders_snapshot_archive` AS s
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
    CAST(NULL AS TIMESTAMP) AS `_snapshot_at`,
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
`distinct_steps` AS (
  -- What a compaction put into the snapshot table is an event of the archive.
  SELECT p.*
  FROM `known` AS p
  QUALIFY ROW_NUMBER() OVER (PARTITION BY p.`_key`, p.`_order_key` ORDER BY p.`_is_event` DESC, p.`_snapshot_at`) = 1
),
`timed` AS (
  SELECT
    p.*,
    -- Clocks step back, versions of a row do not.
    MAX(p.`_ts_ms`) OVER (PARTITION BY p.`_key` ORDER BY p.`_place`, p.`_is_event` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS `_time`
  FROM `distinct_steps` AS p
),
`followed` AS (
  SELECT
    p.*,
    LEAD(p.`_place`) OVER (PARTITION BY p.`_key` ORDER BY p.`_place`, p.`_is_event`) AS `_next_place`,
    LEAD(p.`_time`) OVER (PARTITION BY p.`_key` ORDER BY p.`_place`, p.`_is_event`) AS `_next_time`,
    LEAD(p.`_op`) OVER (PARTITION BY p.`_key` ORDER BY p.`_place`, p.`_is_event`) AS `_next_op`
  FROM `timed` AS p
),
`all_truncates` AS (
  SELECT ARRAY_AGG(STRUCT(t.`_order_key` AS `place`, t.`ts_ms` AS `at`)) AS `list` FROM `truncates` AS t
),
`ended` AS (
  SELECT
    p.*,
    (SELECT MIN(t.`place`) FROM UNNEST(a.`list`) AS t WHERE t.`place` >= p.`_place`) AS `_truncate_place`,
    (SELECT t.`at` FROM UNNEST(a.`list`) AS t WHERE t.`place` >= p.`_place` ORDER BY t.`place` LIMIT 1) AS `_truncate_at`
  FROM `followed` AS p
  CROSS JOIN `all_truncates` AS a
)
SELECT
  p.`_key`,
  p.`_op`,
  p.`_time` AS `_valid_from`,
  IF(p.`_truncate_place` IS NOT NULL AND (p.`_next_place` IS NULL OR p.`_truncate_place` < p.`_next_place`), GREATEST(p.`_truncate_at`, COALESCE(p.`_time`, p.`_truncate_at`)), p.`_next_time`) AS `_valid_to`,
  IF(p.`_truncate_place` IS NOT NULL AND (p.`_next_place` IS NULL OR p.`_truncate_place` < p.`_next_place`), 't', p.`_next_op`) AS `_ended_by`,
  p.`_place` AS `_order_key`,
  IF(p.`_truncate_place` IS NOT NULL AND (p.`_next_place` IS NULL OR p.`_truncate_place` < p.`_next_place`), p.`_truncate_place`, p.`_next_place`) AS `_until_order_key`,
  p.`id`,
  p.`price`,
  p.`note`
FROM `ended` AS p
WHERE p.`_op` != 'd'
