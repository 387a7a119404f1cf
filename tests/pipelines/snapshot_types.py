"""What the recordings say of every column type: the newest row of each key, as the log has it."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from pipeline_io.recording import Recording, RecordingSchemas
from transforms.avro import choose_decoder, decode
from transforms.change_log_json import Rows, json_texts

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"

POSTGRESQL_TYPES = {
    "c_smallint": "smallint",
    "c_integer": "integer",
    "c_bigint": "bigint",
    "c_oid": "oid",
    "c_real": "real",
    "c_double": "double precision",
    "c_numeric_10_2": "numeric(10,2)",
    "c_numeric_38_10": "numeric(38,10)",
    "c_numeric_60_5": "numeric(60,5)",
    "c_numeric_5_0": "numeric(5,0)",
    "c_numeric": "numeric",
    "c_money": "money",
    "c_date": "date",
    "c_time0": "time(0)",
    "c_time3": "time(3)",
    "c_time6": "time(6)",
    "c_timetz": "timetz",
    "c_timestamp0": "timestamp(0)",
    "c_timestamp3": "timestamp(3)",
    "c_timestamp6": "timestamp(6)",
    "c_timestamptz": "timestamptz",
    "c_timestamptz3": "timestamptz(3)",
    "c_interval": "interval",
    "c_boolean": "boolean",
    "c_char": "char(10)",
    "c_varchar": "varchar(200)",
    "c_text": "text",
    "c_citext": "citext",
    "c_bytea": "bytea",
    "c_uuid": "uuid",
    "c_json": "json",
    "c_jsonb": "jsonb",
    "c_xml": "xml",
    "c_inet": "inet",
    "c_cidr": "cidr",
    "c_macaddr": "macaddr",
    "c_macaddr8": "macaddr8",
    "c_int_array": "integer[]",
    "c_bigint_array": "bigint[]",
    "c_text_array": "text[]",
    "c_numeric_array": "numeric(10,2)[]",
    "c_date_array": "date[]",
    "c_timestamp_array": "timestamp[]",
    "c_uuid_array": "uuid[]",
    "c_boolean_array": "boolean[]",
    "c_hstore": "hstore",
    "c_ltree": "ltree",
    "c_mood": "mood",
    "c_bit1": "bit(1)",
    "c_bit8": "bit(8)",
    "c_varbit": "varbit",
    "c_point": "point",
    "c_int4range": "int4range",
    "c_int8range": "int8range",
    "c_numrange": "numrange",
    "c_tsrange": "tsrange",
    "c_tstzrange": "tstzrange",
    "c_daterange": "daterange",
    "c_tsvector": "tsvector",
}
MYSQL_TYPES = {
    "c_tinyint": "tinyint",
    "c_tinyint_u": "tinyint unsigned",
    "c_smallint": "smallint",
    "c_smallint_u": "smallint unsigned",
    "c_mediumint": "mediumint",
    "c_mediumint_u": "mediumint unsigned",
    "c_int": "int",
    "c_int_u": "int unsigned",
    "c_bigint": "bigint",
    "c_bigint_u": "bigint unsigned",
    "c_bit1": "bit(1)",
    "c_bit12": "bit(12)",
    "c_bit64": "bit(64)",
    "c_boolean": "tinyint(1)",
    "c_float": "float",
    "c_double": "double",
    "c_decimal_10_2": "decimal(10,2)",
    "c_decimal_38_10": "decimal(38,10)",
    "c_decimal_60_5": "decimal(60,5)",
    "c_decimal_20_0": "decimal(20,0)",
    "c_decimal_10_2_u": "decimal(10,2) unsigned",
    "c_date": "date",
    "c_time0": "time",
    "c_time3": "time(3)",
    "c_time6": "time(6)",
    "c_datetime0": "datetime",
    "c_datetime3": "datetime(3)",
    "c_datetime6": "datetime(6)",
    "c_timestamp0": "timestamp",
    "c_timestamp3": "timestamp(3)",
    "c_timestamp6": "timestamp(6)",
    "c_year": "year",
    "c_char": "char(20)",
    "c_varchar": "varchar(200)",
    "c_tinytext": "tinytext",
    "c_text": "text",
    "c_mediumtext": "mediumtext",
    "c_longtext": "longtext",
    "c_binary": "binary(4)",
    "c_varbinary": "varbinary(200)",
    "c_tinyblob": "tinyblob",
    "c_blob": "blob",
    "c_mediumblob": "mediumblob",
    "c_longblob": "longblob",
    "c_json": "json",
    "c_enum": "enum('small','größer','x,y')",
    "c_set": "set('a','b','c')",
    "c_point": "point",
    "c_geometry": "geometry",
    "c_linestring": "linestring",
    "c_polygon": "polygon",
}


def final_rows(recording: str, table: str = "all_types") -> list[dict[str, str | None]]:
    """The rows as the database printed them when the recording ended."""
    text = (RECORDINGS / recording / "final.json").read_text(encoding="utf-8")
    rows: list[dict[str, str | None]] = json.loads(text)[table]
    return rows


@functools.cache
def newest_rows(recording: str, table: str = "all_types") -> dict[int, dict[str, Any]]:
    """{id: the newest `after` of the table's records, as canonical JSON}."""
    path = RECORDINGS / recording
    rows: dict[int, dict[str, Any]] = {}
    found: list[tuple[int, dict[str, Any]]] = []
    for batch in Recording(str(path)).batches(100_000):
        chosen = pa.array([str(topic).endswith(f".{table}") for topic in batch["topic"]])
        batch = batch.filter(chosen)
        values = cast("pa.BinaryArray", batch["value"])
        decoded = decode(values, RecordingSchemas(str(path)), choose_decoder("fastavro"))
        for group in decoded.groups:
            texts = json_texts(Rows(cast("pa.StructArray", group.rows["after"])))
            for position, text in zip(group.positions, texts, strict=True):
                if text is not None:
                    found.append((int(position), json.loads(text)))
    for _, row in sorted(found, key=lambda one: one[0]):
        rows[row["id"]] = row
    return rows
