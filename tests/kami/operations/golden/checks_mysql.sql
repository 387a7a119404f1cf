-- unique_keys
SELECT
  COUNT(*) AS `wrong`,
  MIN(`example`) AS `example`
FROM (
  SELECT TO_JSON_STRING(STRUCT(v.`id`)) AS `example`
  FROM `shop`.`orders` AS v
  GROUP BY v.`id`
  HAVING COUNT(*) > 1
) AS repeated
;
-- not_null(id)
SELECT
  COUNT(*) AS `wrong`,
  MIN(TO_JSON_STRING(STRUCT(v.`id`))) AS `example`
FROM `shop`.`orders` AS v
WHERE v.`id` IS NULL
;
-- order_keys
SELECT
  COUNT(*) AS `wrong`,
  MIN(COALESCE(l.`_order_key`, 'NULL')) AS `example`
FROM `shop`.`orders_change_log` AS l
WHERE l.`_order_key` IS NULL
  OR NOT REGEXP_CONTAINS(l.`_order_key`, r'^[0-9a-f]{4}/[0-9a-f]{16}/[0-9a-f]{16}/[0-9a-f]{8}$')
;
-- log_keys
SELECT
  COUNT(*) AS `wrong`,
  MIN(CONCAT('op ', COALESCE(l.`op`, 'NULL'), ' at ', COALESCE(l.`_topic`, 'NULL'), ' offset ', COALESCE(CAST(l.`_offset` AS STRING), 'NULL'))) AS `example`
FROM `shop`.`orders_change_log` AS l
WHERE l.`_key` IS NULL
  AND COALESCE(l.`op`, '') != 't'
;
-- decimals
SELECT
  COUNT(*) AS `wrong`,
  MIN(`found`.`example`) AS `example`
FROM (
  SELECT
    CASE
      WHEN REGEXP_CONTAINS(TO_JSON_STRING(l.`after`['price']), r'^-?[0-9]*[.eE]') THEN CONCAT('price', ' ', TO_JSON_STRING(l.`after`['price']), ' at ', l.`_topic`, ' offset ', CAST(l.`_offset` AS STRING))
    END AS `example`
  FROM `shop`.`orders_change_log` AS l
) AS `found`
WHERE `found`.`example` IS NOT NULL
