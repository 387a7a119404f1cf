-- Errors stand where the author wrote, whatever a ${NAME} before them became.
CREATE TABLE items (id BIGINT, name STRING)
WITH ('connector' = 'recording', 'path' = '${FOLDER}', 'topic' = '${TOPIC}');
CREATE TABLE other (id BIGINT)
WITH ('connector' = 'recording', 'path' = '${FOLDER}', 'topic' = '${TOPIC}', 'x' = 'y');
CREATE TABLE ${SINK} (id BIGINT, name STRING)
WITH ('connector' = 'filesystem', 'path' = '${FOLDRE}/out', 'format' = '${FORMAT:-xml}');
	INSERT	INTO ${SINK}	SELECT 'a	b', '日本語',	nothing FROM items;
INSERT INTO out SELECT '${MISSING}', '日本語', /* ${COMMENT} */ nothing, `größe` FROM items; -- ${COMMENT}
INSERT INTO out SELECT '👩‍💻 é', nothing FROM items WHERE ${CONDITION} AND nobody = 1;
