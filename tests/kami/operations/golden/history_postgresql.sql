WITH RECURSIVE
`delivered` AS (
  SELECT `_key`, `_order_key`, `op`, `ts_ms`, `after`, `source`, `_topic`, `_topic_partition`, `_offset`, `_missing_columns`, `_old_key`, `_new_key` FROM `shop`.`orders_change_log`
  UNION ALL
  SELECT `_key`, `_order_key`, `op`, `ts_ms`, `after`, `source`, `_topic`, `_topic_partition`, `_offset`, `_missing_columns`, `_old_key`, `_new_key` FROM `shop`.`orders_archive`
),
read_places AS (
  SELECT
    reads.`_key` AS key,
    reads.`_topic` AS topic,
    reads.`_topic_partition` AS topic_partition,
    reads.`_offset` AS topic_offset,
    CONCAT(SUBSTR(GREATEST(CONCAT(SUBSTR(MAX(reads.`_order_key`), 1, 4), '/0000000000000000/0000000000000000/00000000'), COALESCE(MAX(earlier.`_order_key`), '')), 1, 45), '02') AS order_key
  FROM `delivered` AS reads
  LEFT JOIN `delivered` AS earlier
    ON earlier.`_key` = reads.`_key` AND earlier.`_topic` = reads.`_topic`
    AND earlier.`_topic_partition` = reads.`_topic_partition` AND earlier.`_offset` < reads.`_offset`
    AND (earlier.`op` <> 'r' OR earlier.`source`.`lsn` IS NOT NULL)
  WHERE reads.`op` = 'r' AND reads.`source`.`lsn` IS NULL
  GROUP BY 1, 2, 3, 4
),
`in_order` AS (
  SELECT
    d.`_key`,
    COALESCE(read_places.order_key, d.`_order_key`) AS `_order_key`,
    d.`op`,
    d.`ts_ms`,
    d.`after`,
    d.`_offset`,
    d.`_missing_columns`,
    d.`_old_key`,
    d.`_new_key`
  FROM `delivered` AS d
  LEFT JOIN read_places
    ON d.`op` = 'r' AND read_places.key = d.`_key` AND read_places.topic = d.`_topic`
    AND read_places.topic_partition = d.`_topic_partition` AND read_places.topic_offset = d.`_offset`
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
`anchor` AS (
  -- Changes of transactions that were open at the anchor are not in the snapshot: the rows that
  -- were read then count as older than the first of them.
  SELECT LEAST('0000/0000000000000032/0000000000000000/00000000', COALESCE(CONCAT(SUBSTR(MIN(`_order_key`), 1, 45), '00'), '0000/0000000000000032/0000000000000000/00000000')) AS `effective`
  FROM (
    SELECT l.`_order_key` FROM `shop`.`orders_change_log` AS l
    WHERE l.`_order_key` < '0000/0000000000000032/0000000000000000/00000000' AND SUBSTR(l.`_order_key`, 1, 4) = SUBSTR('0000/0000000000000032/0000000000000000/00000000', 1, 4)
      AND (
        MOD(MOD(l.`source`.`txId` - 4294968196, 4294967296) + 4294967296, 4294967296) < 2147483648
        OR MOD(l.`source`.`txId`, 4294967296) IN (890, 893)
      )
    UNION ALL
    SELECT l.`_order_key` FROM `shop`.`orders_archive` AS l
    WHERE l.`_order_key` < '0000/0000000000000032/0000000000000000/00000000' AND SUBSTR(l.`_order_key`, 1, 4) = SUBSTR('0000/0000000000000032/0000000000000000/00000000', 1, 4)
      AND (
        MOD(MOD(l.`source`.`txId` - 4294968196, 4294967296) + 4294967296, 4294967296) < 2147483648
        OR MOD(l.`source`.`txId`, 4294967296) IN (890, 893)
      )
  ) AS unseen
),
`last_seen` AS (
  -- The newest change of a key that the snapshot saw, though it lies above its anchor: the key's
  -- row there is that one, or, where it ended then, a later one.
  SELECT c.`_key`, MAX(IF(c.`is_end`, CONCAT(SUBSTR(c.`_order_key`, 1, 45), '02'), c.`_order_key`)) AS `order_key`
  FROM (
    SELECT l.`_key`, l.`_order_key`, l.`op` = 'd' AS `is_end`, l.`source`.`txId` AS `id`, l.`source`.`ts_ms`
    FROM `shop`.`orders_change_log` AS l
    WHERE l.`op` IN ('c', 'u', 'd') AND l.`_key` IS NOT NULL
    UNION ALL
    SELECT CONCAT('[', TO_JSON_STRING(JSON_VALUE(l.`_old_key`['id'])), ']'), l.`_order_key`, TRUE, l.`source`.`txId`, l.`source`.`ts_ms`
    FROM `shop`.`orders_change_log` AS l
    WHERE l.`op` = 'c' AND l.`_old_key` IS NOT NULL
    UNION ALL
    SELECT l.`_key`, l.`_order_key`, l.`op` = 'd' AS `is_end`, l.`source`.`txId` AS `id`, l.`source`.`ts_ms`
    FROM `shop`.`orders_archive` AS l
    WHERE l.`op` IN ('c', 'u', 'd') AND l.`_key` IS NOT NULL
    UNION ALL
    SELECT CONCAT('[', TO_JSON_STRING(JSON_VALUE(l.`_old_key`['id'])), ']'), l.`_order_key`, TRUE, l.`source`.`txId`, l.`source`.`ts_ms`
    FROM `shop`.`orders_archive` AS l
    WHERE l.`op` = 'c' AND l.`_old_key` IS NOT NULL
  ) AS c
  CROSS JOIN `anchor` AS anchor
  WHERE c.`_order_key` > anchor.`effective`
    AND SUBSTR(c.`_order_key`, 1, 4) = SUBSTR('0000/0000000000000032/0000000000000000/00000000', 1, 4)
    AND NOT MOD(MOD(c.`id` - 4294968196, 4294967296) + 4294967296, 4294967296) < 2147483648
    AND MOD(c.`id`, 4294967296) NOT IN (890, 893)
    AND c.`ts_ms` <= UNIX_MILLIS(TIMESTAMP '2026-01-02 00:00:00.000000+00') + 86400000
  GROUP BY c.`_key`
),
`read_rows` AS (
  SELECT
    s.`_key`,
    s.`_order_key`,
IF(s.`_order_key` = '0000/0000000000000032/0000000000000000/00000000', GREATEST(anchor.`effective`, COALESCE(seen.`order_key`, '')), s.`_order_key`) AS `_place`,
    s.`_deleted`,
    s.`_snapshot_at`,
    s.`id` AS `id`,
    s.`price` AS `price`,
    CAST(NULL AS STRING) AS `note`
  FROM `shop`.`orders_snapshot` AS s
  CROSS JOIN `anchor` AS anchor
  LEFT JOIN `last_seen` AS seen ON seen.`_key` = s.`_key`
  WHERE s.`_key` IS NOT NULL
  UNION ALL
  SELECT
    s.`_key`,
    s.`_order_key`,
IF(s.`_order_key` = '0000/0000000000000032/0000000000000000/00000000', GREATEST(anchor.`effective`, COALESCE(seen.`order_key`, '')), s.`_order_key`) AS `_place`,
    s.`_deleted`,
    s.`_snapshot_at`,
    s.`id` AS `id`,
    s.`price` AS `price`,
    CAST(NULL AS STRING) AS `note`
  FROM `shop`.`orders_snapshot_archive` AS s
  CROSS JOIN `anchor` AS anchor
  LEFT JOIN `last_seen` AS seen ON seen.`_key` = s.`_key`
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
    JSON_VALUE(l.`after`['note']) AS `note`,
    l.`op` != 'd' AND NOT ('note' IN UNNEST(l.`_missing_columns`)) AS `_knows_note`
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
    s.`note`,
    NOT s.`_deleted` AS `_knows_note`
  FROM `read_rows` AS s
  UNION ALL
  -- That a row came from a key says that its row there ended, though the delete may not be here.
  SELECT
    CONCAT('[', TO_JSON_STRING(JSON_VALUE(l.`_old_key`['id'])), ']') AS `_key`,
    l.`_order_key`,
    l.`_order_key` AS `_place`,
    0 AS `_is_event`,
    'moved' AS `_op`,
    CAST(NULL AS TIMESTAMP) AS `_ts_ms`,
    CAST(NULL AS TIMESTAMP) AS `_snapshot_at`,
    FALSE AS `_comes_from_key`,
    TRUE AS `_goes_to_key`,
    CAST(NULL AS INT64) AS `id`,
    ROUND(CAST(NULL AS NUMERIC), 2) AS `price`,
    CAST(NULL AS STRING) AS `note`,
    FALSE AS `_knows_note`
  FROM `events` AS l
  WHERE l.`op` = 'c' AND l.`_old_key` IS NOT NULL
),
`lives` AS (
  -- A deleted row that a compaction keeps is its event, where that is there too.
  SELECT
    p.*,
    MAX(IF(p.`_comes_from_key`, p.`_place`, NULL)) OVER (PARTITION BY p.`_key` ORDER BY p.`_place` RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS `_came`
  FROM `steps` AS p
  QUALIFY NOT (p.`_op` IN ('d', 'moved') AND p.`_is_event` = 0 AND MAX(p.`_is_event`) OVER (PARTITION BY p.`_key`, p.`_place`) = 1)
),
`spans` AS (
  -- From each truncate to the next one: every place is in one of them.
  SELECT t.`_order_key` AS `after`, LEAD(t.`_order_key`) OVER (ORDER BY t.`_order_key`) AS `up_to`
  FROM (SELECT `_order_key` FROM `truncates` UNION DISTINCT SELECT CAST(NULL AS STRING)) AS t
),
`segments` AS (
  -- A key's row until it is deleted, or from where it came from another key: what follows a delete
  -- or a truncate is apart from it.
  SELECT
    p.*,
    GREATEST(COALESCE(e.`after`, ''), COALESCE(p.`_came`, ''), COALESCE(MAX(IF(p.`_op` IN ('d', 'moved'), CONCAT(p.`_place`, '+'), NULL)) OVER (PARTITION BY p.`_key` ORDER BY p.`_place`, p.`_is_event` ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), '')) AS `_segment`
  FROM `lives` AS p
  CROSS JOIN `spans` AS e
  WHERE (e.`after` IS NULL OR COALESCE(p.`_place`, '') > e.`after`)
    AND (e.`up_to` IS NULL OR COALESCE(p.`_place`, '') <= e.`up_to`)
),
`moves` AS (
  -- The delete of the old key and the create of the new one have the same order key.
  SELECT d.`_key` AS `from_key`, d.`_segment` AS `from_segment`, c.`_key` AS `to_key`, c.`_segment` AS `to_segment`
  FROM `segments` AS c
  INNER JOIN `segments` AS d ON d.`_place` = c.`_place` AND d.`_key` != c.`_key`
  WHERE c.`_comes_from_key` AND d.`_goes_to_key`
),
`lineages` AS (
  -- A row that came from another key is the same row still: what it does not say is known there.
  SELECT m.`to_key`, m.`to_segment`, m.`from_key` AS `root_key`, m.`from_segment` AS `root_segment`
  FROM `moves` AS m
  LEFT JOIN `moves` AS earlier ON earlier.`to_key` = m.`from_key` AND earlier.`to_segment` = m.`from_segment`
  WHERE earlier.`to_key` IS NULL
  UNION ALL
  SELECT m.`to_key`, m.`to_segment`, r.`root_key`, r.`root_segment`
  FROM `moves` AS m
  INNER JOIN `lineages` AS r ON r.`to_key` = m.`from_key` AND r.`to_segment` = m.`from_segment`
),
`remembered` AS (
  SELECT
    p.*,
    COALESCE(r.`root_key`, p.`_key`) AS `_root_key`,
    COALESCE(r.`root_segment`, p.`_segment`) AS `_root_segment`,
    LAST_VALUE(IF(p.`_knows_note`, STRUCT(p.`note` AS `known`), NULL) IGNORE NULLS) OVER (PARTITION BY COALESCE(r.`root_key`, p.`_key`), COALESCE(r.`root_segment`, p.`_segment`) ORDER BY p.`_place`, IF(p.`_op` IN ('d', 'moved'), 0, 1), p.`_is_event` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS `_last_note`
  FROM `segments` AS p
  LEFT JOIN `lineages` AS r ON r.`to_key` = p.`_key` AND r.`to_segment` = p.`_segment`
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
    p.`_root_key`,
    p.`_root_segment`,
    p.`_op` != 'd' AND (p.`_last_note` IS NULL) AS `_is_partial`,
p.`id` AS `id`,
p.`price` AS `price`,
p.`_last_note`.`known` AS `note`
  FROM `remembered` AS p
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
