-- The baseline: a god view by the rule of the platform that this project replaces. Of each key the
-- newest create or update by time, position and row; deletes compared by time and position; rows of
-- the snapshot whose key the log lacks. Rows that Debezium's own snapshot read count as creates.
WITH upserts AS (
  SELECT _key, after, source.ts_ms AS ts_ms, {position} AS position
  FROM {log}
  WHERE op IN ('c', 'u', 'r')
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY _key ORDER BY source.ts_ms DESC, {position} DESC, {row} DESC
  ) = 1
),
deletes AS (
  SELECT _key, source.ts_ms AS ts_ms, {position} AS position
  FROM {log}
  WHERE op = 'd'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY _key ORDER BY source.ts_ms DESC, {position} DESC) = 1
)
SELECT
  CAST(JSON_VALUE(upserts.after, '$.id') AS INT64) AS id,
  JSON_VALUE(upserts.after, '$.code') AS code,
  CAST(JSON_VALUE(upserts.after, '$.amount') AS NUMERIC) AS amount,
  JSON_VALUE(upserts.after, '$.note') AS note,
  CAST(JSON_VALUE(upserts.after, '$.extra') AS INT64) AS extra
FROM upserts
LEFT JOIN deletes
  ON deletes._key = upserts._key
  AND (
    deletes.ts_ms > upserts.ts_ms
    OR (deletes.ts_ms = upserts.ts_ms AND deletes.position >= upserts.position)
  )
WHERE deletes._key IS NULL
UNION ALL
SELECT snapshot.id, snapshot.code, snapshot.amount, snapshot.note, snapshot.extra
FROM {snapshot} AS snapshot
WHERE NOT snapshot._deleted
  AND NOT EXISTS (SELECT 1 FROM {log} AS log WHERE log._key = snapshot._key)
