-- The tables of the recordings mysql_types_*.
CREATE TABLE all_types (
  id INT NOT NULL PRIMARY KEY,
  c_tinyint TINYINT, c_tinyint_u TINYINT UNSIGNED, c_smallint SMALLINT,
  c_smallint_u SMALLINT UNSIGNED, c_mediumint MEDIUMINT, c_mediumint_u MEDIUMINT UNSIGNED,
  c_int INT, c_int_u INT UNSIGNED, c_bigint BIGINT, c_bigint_u BIGINT UNSIGNED,
  c_bit1 BIT(1), c_bit12 BIT(12), c_bit64 BIT(64), c_boolean BOOLEAN,
  c_float FLOAT, c_double DOUBLE,
  c_decimal_10_2 DECIMAL(10, 2), c_decimal_38_10 DECIMAL(38, 10), c_decimal_60_5 DECIMAL(60, 5),
  c_decimal_20_0 DECIMAL(20, 0), c_decimal_10_2_u DECIMAL(10, 2) UNSIGNED,
  c_date DATE, c_time0 TIME, c_time3 TIME(3), c_time6 TIME(6),
  c_datetime0 DATETIME, c_datetime3 DATETIME(3), c_datetime6 DATETIME(6),
  c_timestamp0 TIMESTAMP NULL, c_timestamp3 TIMESTAMP(3) NULL, c_timestamp6 TIMESTAMP(6) NULL,
  c_year YEAR, c_char CHAR(10), c_varchar VARCHAR(100),
  c_tinytext TINYTEXT, c_text TEXT, c_mediumtext MEDIUMTEXT, c_longtext LONGTEXT,
  c_binary BINARY(4), c_varbinary VARBINARY(100),
  c_tinyblob TINYBLOB, c_blob BLOB, c_mediumblob MEDIUMBLOB, c_longblob LONGBLOB,
  c_json JSON, c_enum ENUM('small', 'größer', 'x,y'), c_set SET('a', 'b', 'c'),
  c_point POINT, c_geometry GEOMETRY, c_linestring LINESTRING, c_polygon POLYGON
);
CREATE TABLE composite_key (
  tenant VARCHAR(20) NOT NULL, booked_on DATE NOT NULL, booked_at DATETIME(6) NOT NULL,
  seq INT UNSIGNED NOT NULL, amount DECIMAL(10, 2), note VARCHAR(100),
  PRIMARY KEY (tenant, booked_on, booked_at, seq)
);
