-- All rows once more, while the connectors stream: the numbers below 10 plus 10, others plus 20.
CREATE TEMPORARY TABLE copied LIKE all_types;
INSERT INTO copied SELECT * FROM all_types;
UPDATE copied SET id = id + IF(id < 10, 10, 20) ORDER BY id DESC;
INSERT INTO all_types SELECT * FROM copied ORDER BY id;
DROP TEMPORARY TABLE copied;
