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
CREATE OR REPLACE TABLE `shop`.`_compaction_lineages_orders` AS
WITH RECURSIVE
`delivered` AS (
  SELECT `_key`, `_order_key`, `op`, `ts_ms`, `after`, `source`, `_topic`, `_topic_partition`, `_offset`, `_missing_columns`, `_old_key`, `_new_key` FROM `shop`.`orders_change_log`
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
    TRUE AS `note`
  FROM `shop`.`orders_snapshot` AS s
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
    TRUE AS `note`,
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
    CAST(NULL AS BOOL) AS `note`,
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
p.`_last_note`.`known` AS `note`
  FROM `remembered` AS p
  WHERE p.`_op` != 'moved'
)
,
`newest` AS (
  SELECT p.*
  FROM `known` AS p
  QUALIFY ROW_NUMBER() OVER (PARTITION BY p.`_key` ORDER BY p.`_place` DESC, p.`_is_event` DESC) = 1
),
`arrived` AS (
  SELECT 'c' AS `_op`, p.`_order_key` FROM `known` AS p WHERE p.`_comes_from_key`
  UNION DISTINCT
  SELECT 'd', p.`_order_key` FROM `known` AS p WHERE p.`_goes_to_key`
  UNION DISTINCT
  SELECT a.`op`, a.`_order_key`
  FROM `shop`.`orders_archive` AS a
  WHERE (a.`op` = 'c' AND a.`_old_key` IS NOT NULL) OR (a.`op` = 'd' AND a.`_new_key` IS NOT NULL)
),
`followed` AS (
  SELECT
    p.*,
    LEAD(p.`_op`) OVER (PARTITION BY p.`_key` ORDER BY p.`_place`, p.`_is_event`) AS `_next_op`,
    LEAD(p.`_place`) OVER (PARTITION BY p.`_key` ORDER BY p.`_place`, p.`_is_event`) AS `_next_place`
  FROM `known` AS p
),
`incomplete` AS (
  SELECT p.`_root_key`, p.`_root_segment`
  FROM `newest` AS p
  WHERE p.`_is_partial` AND p.`_place` > COALESCE((SELECT MAX(t.`_order_key`) FROM `truncates` AS t), '')
  UNION DISTINCT
  SELECT p.`_root_key`, p.`_root_segment`
  FROM `known` AS p
  LEFT JOIN `arrived` AS other
    ON other.`_order_key` = p.`_order_key` AND other.`_op` = IF(p.`_goes_to_key`, 'c', 'd')
  WHERE (p.`_goes_to_key` OR p.`_comes_from_key`) AND other.`_order_key` IS NULL
  UNION DISTINCT
  -- Rows of a snapshot that count as older than they are may lie below their own create.
  SELECT p.`_root_key`, p.`_root_segment`
  FROM `followed` AS p
  CROSS JOIN (SELECT ARRAY_AGG(`_order_key`) AS `places` FROM `truncates`) AS e
  WHERE p.`_next_op` = 'c'
    AND (p.`_op` IN ('c', 'u') OR (p.`_op` = 'r' AND p.`_is_event` = 0 AND p.`_place` = p.`_order_key`))
    AND p.`_next_place` > p.`_place`
    AND SUBSTR(p.`_next_place`, 1, 4) = SUBSTR(p.`_place`, 1, 4)
    AND NOT EXISTS (SELECT t FROM UNNEST(e.`places`) AS t WHERE t > p.`_place` AND t < p.`_next_place`)
),
`shared` AS (
  SELECT p.`_root_key`, p.`_root_segment`
  FROM `known` AS p
  GROUP BY p.`_root_key`, p.`_root_segment`
  HAVING COUNT(DISTINCT p.`_key`) > 1
  UNION DISTINCT
  SELECT i.`_root_key`, i.`_root_segment` FROM `incomplete` AS i
)
SELECT DISTINCT
  p.`_key`,
  CONCAT(p.`_root_key`, ' ', p.`_root_segment`) AS `lineage`,
  i.`_root_key` IS NOT NULL AS `is_incomplete`
FROM `known` AS p
INNER JOIN `shared` AS s ON s.`_root_key` = p.`_root_key` AND s.`_root_segment` = p.`_root_segment`
LEFT JOIN `incomplete` AS i ON i.`_root_key` = p.`_root_key` AND i.`_root_segment` = p.`_root_segment`
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
WITH RECURSIVE
`delivered` AS (
  SELECT `_key`, `_order_key`, `op`, `ts_ms`, `after`, `source`, `_topic`, `_topic_partition`, `_offset`, `_missing_columns`, `_old_key`, `_new_key` FROM `shop`.`_compaction_orders`
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
  SELECT `_order_key`, `ts_ms` FROM `shop`.`_compaction_orders` WHERE `op` = 't' AND `_order_key` IS NOT NULL
),
`anchor` AS (
  -- Changes of transactions that were open at the anchor are not in the snapshot: the rows that
  -- were read then count as older than the first of them.
  SELECT LEAST('0000/0000000000000032/0000000000000000/00000000', COALESCE(CONCAT(SUBSTR(MIN(`_order_key`), 1, 45), '00'), '0000/0000000000000032/0000000000000000/00000000')) AS `effective`
  FROM (
    SELECT l.`_order_key` FROM `shop`.`_compaction_orders` AS l
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
    FROM `shop`.`_compaction_orders` AS l
    WHERE l.`op` IN ('c', 'u', 'd') AND l.`_key` IS NOT NULL
    UNION ALL
    SELECT CONCAT('[', TO_JSON_STRING(JSON_VALUE(l.`_old_key`['id'])), ']'), l.`_order_key`, TRUE, l.`source`.`txId`, l.`source`.`ts_ms`
    FROM `shop`.`_compaction_orders` AS l
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
    s.`note` AS `note`
  FROM `shop`.`orders_snapshot` AS s
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
    TIMESTAMP '2026-01-01 00:00:00.000000+00' AS `_snapshot_at`,
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
      AND p.`_key` NOT IN (SELECT l.`_key` FROM `shop`.`orders_change_log` AS l WHERE l.`_key` IS NOT NULL AND l.`_order_key` > (SELECT COALESCE(MAX(LEAST(e.`effective`, c.`cut`)), '') FROM `shop`.`_snapshots` AS a CROSS JOIN `shop`.`_compactions` AS c CROSS JOIN `anchor` AS e WHERE a.`table_name` = 'orders' AND a.`state` = 'done' AND c.`table_name` = 'orders' AND c.`finished_at` IS NOT NULL))
    )
    AND p.`_key` NOT IN (SELECT h.`_key` FROM `shop`.`_compaction_held_orders` AS h)
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
  s.`_key`,
  s.`_order_key`,
  s.`_deleted`,
  s.`_snapshot_at`,
  s.`id` AS `id`,
  s.`price` AS `price`,
  s.`note` AS `note`
FROM `shop`.`orders_snapshot` AS s
WHERE s.`_key` IN (SELECT h.`_key` FROM `shop`.`_compaction_held_orders` AS h)
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
