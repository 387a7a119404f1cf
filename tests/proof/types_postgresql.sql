-- The tables of the recordings pg_types_*.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'sehr glücklich', 'x,y');
CREATE TABLE all_types (
  id INTEGER NOT NULL PRIMARY KEY,
  c_smallint SMALLINT, c_integer INTEGER, c_bigint BIGINT, c_oid OID, c_real REAL,
  c_double DOUBLE PRECISION, c_numeric_10_2 NUMERIC(10, 2), c_numeric_38_10 NUMERIC(38, 10),
  c_numeric_60_5 NUMERIC(60, 5), c_numeric_5_0 NUMERIC(5, 0), c_numeric NUMERIC, c_money MONEY,
  c_date DATE, c_time0 TIME(0), c_time3 TIME(3), c_time6 TIME(6), c_timetz TIME WITH TIME ZONE,
  c_timestamp0 TIMESTAMP(0), c_timestamp3 TIMESTAMP(3), c_timestamp6 TIMESTAMP(6),
  c_timestamptz TIMESTAMP WITH TIME ZONE, c_timestamptz3 TIMESTAMP(3) WITH TIME ZONE,
  c_interval INTERVAL, c_boolean BOOLEAN, c_char CHAR(10), c_varchar VARCHAR(100), c_text TEXT,
  c_citext CITEXT, c_bytea BYTEA, c_uuid UUID, c_json JSON, c_jsonb JSONB, c_xml XML, c_inet INET,
  c_cidr CIDR, c_macaddr MACADDR, c_macaddr8 MACADDR8,
  c_int_array INTEGER[], c_bigint_array BIGINT[], c_text_array TEXT[],
  c_numeric_array NUMERIC(10, 2)[], c_date_array DATE[], c_timestamp_array TIMESTAMP[],
  c_uuid_array UUID[], c_boolean_array BOOLEAN[], c_hstore HSTORE, c_ltree LTREE, c_mood mood,
  c_bit1 BIT(1), c_bit8 BIT(8), c_varbit BIT VARYING, c_point POINT,
  c_int4range INT4RANGE, c_int8range INT8RANGE, c_numrange NUMRANGE, c_tsrange TSRANGE,
  c_tstzrange TSTZRANGE, c_daterange DATERANGE, c_tsvector TSVECTOR
);
CREATE TABLE composite_key (
  tenant TEXT NOT NULL, booked_on DATE NOT NULL, ref UUID NOT NULL,
  booked_at TIMESTAMP NOT NULL, seq INTEGER NOT NULL, amount NUMERIC(10, 2), note TEXT,
  PRIMARY KEY (tenant, booked_on, ref, booked_at, seq)
);
