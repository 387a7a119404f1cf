-- All rows once more, while the connectors stream: the numbers below 10 plus 10, others plus 20.
CREATE TEMPORARY TABLE copied AS SELECT * FROM all_types;
UPDATE copied SET id = id + CASE WHEN id < 10 THEN 10 ELSE 20 END;
INSERT INTO all_types SELECT * FROM copied ORDER BY id;
DROP TABLE copied;
