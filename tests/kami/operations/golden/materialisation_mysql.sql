SELECT l.*, CONCAT(CAST(s.`n` AS STRING), '/', s.`newest`, '/', s.`taken`, '/', CAST(s.`deleted` AS STRING)) AS `snapshot_state`
FROM (
  SELECT
    COUNT(*) AS `log_rows`,
    MAX(`_ingested_at`) AS `newest_ingested_at`,
    MAX(`_order_key`) AS `newest_order_key`,
    MIN(`_ingested_at`) AS `oldest_ingested_at`
  FROM `shop`.`orders_change_log`
) AS l
CROSS JOIN (
  SELECT
    COUNT(*) AS `n`,
    COALESCE(MAX(`_order_key`), '') AS `newest`,
    COALESCE(CAST(UNIX_MICROS(MAX(`_snapshot_at`)) AS STRING), '') AS `taken`,
    COALESCE(COUNTIF(`_deleted`), 0) AS `deleted`
  FROM `shop`.`orders_snapshot`
) AS s
;
SELECT
  COUNTIF(l.`op` = 't' AND l.`_ingested_at` >= TIMESTAMP '2026-01-01 00:00:00.000000+00') AS `truncates`,
0 AS `below_anchor`,
0 AS `moved_with_gaps`
FROM `shop`.`orders_change_log` AS l
WHERE l.`_ingested_at` >= TIMESTAMP '2026-01-01 00:00:00.000000+00'
;
CREATE OR REPLACE TABLE `shop`.`orders_materialised` CLUSTER BY `_key` AS
SELECT v.`_key`, v.`id`, v.`price`, v.`note`
FROM (
-- WITH truncated AS (...
) AS v
;
MERGE INTO `shop`.`orders_materialised` AS m
USING (
  SELECT touched.`_key` AS `_touched`, v.*
  FROM (
SELECT DISTINCT l.`_key`
FROM `shop`.`orders_change_log` AS l
WHERE l.`_ingested_at` >= TIMESTAMP '2026-01-01 00:00:00.000000+00' AND l.`_key` IS NOT NULL
  ) AS touched
  LEFT JOIN (
-- WITH truncated AS (...
  ) AS v ON v.`_key` = touched.`_key`
) AS n
ON m.`_key` = n.`_touched`
WHEN MATCHED AND n.`_key` IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET `id` = n.`id`, `price` = n.`price`, `note` = n.`note`
WHEN NOT MATCHED AND n.`_key` IS NOT NULL THEN INSERT (`_key`, `id`, `price`, `note`) VALUES (n.`_key`, n.`id`, n.`price`, n.`note`)
;
INSERT INTO `shop`.`_materialisations` (`table_name`, `materialised_at`, `how`, `log_rows`, `newest_ingested_at`, `newest_order_key`, `settled_before`, `settled_rows`, `snapshot_state`, `view_hash`)
VALUES (
  'orders',
  TIMESTAMP '2026-01-01 00:00:00.000000+00',
  'full',
  3,
  TIMESTAMP '2026-01-01 00:00:00.000000+00',
  '0000/000000000000001e/0000000000000000/00000001',
  TIMESTAMP '2026-01-01 00:00:00.000000+00',
  2,
  '2/x/y/0',
  '0123'
)
