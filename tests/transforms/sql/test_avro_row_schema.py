import json

import fastavro
import pytest

from transforms.sql import types
from transforms.sql.avro_row_schema import avro_schema
from transforms.sql.avro_rows import AvroRows
from transforms.sql.errors import SqlError
from transforms.sql.types import Field, Kind, SqlType


@pytest.mark.parametrize(
    ("sql_type", "written"),
    [
        (types.BOOLEAN, "boolean"),
        (types.TINYINT, "int"),
        (types.SMALLINT, "int"),
        (types.INT, "int"),
        (types.BIGINT, "long"),
        (types.FLOAT, "float"),
        (types.DOUBLE, "double"),
        (types.STRING, "string"),
        (SqlType(Kind.CHAR, length=3), "string"),
        (SqlType(Kind.VARCHAR, length=3), "string"),
        (types.BYTES, "bytes"),
        (SqlType(Kind.BINARY, length=3), "bytes"),
        (types.DATE, {"type": "int", "logicalType": "date"}),
        (types.time(0), {"type": "int", "logicalType": "time-millis"}),
        (types.time(3), {"type": "int", "logicalType": "time-millis"}),
        (types.timestamp(0), {"type": "long", "logicalType": "timestamp-millis"}),
        (types.timestamp(3), {"type": "long", "logicalType": "timestamp-millis"}),
        (types.timestamp(4), {"type": "long", "logicalType": "timestamp-micros"}),
        (types.timestamp_ltz(3), {"type": "long", "logicalType": "timestamp-millis"}),
        (types.timestamp_ltz(6), {"type": "long", "logicalType": "timestamp-micros"}),
        (
            types.decimal(10, 2),
            {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
        ),
        (types.array(types.INT), {"type": "array", "items": ["null", "int"]}),
        (
            types.map_of(types.STRING, types.DATE),
            {"type": "map", "values": ["null", {"type": "int", "logicalType": "date"}]},
        ),
    ],
    ids=str,
)
def test_a_type_has_the_schema_that_flink_gives_it(sql_type: SqlType, written: object) -> None:
    fields = (Field("a", sql_type), Field("b", sql_type, nullable=False))
    assert avro_schema(fields)["fields"] == [
        {"name": "a", "type": ["null", written], "default": None},
        {"name": "b", "type": written},
    ]


def test_the_schema_text_is_what_flink_registers() -> None:
    event = types.row(
        Field("name", types.STRING, nullable=False),
        Field("parts", types.array(types.row(Field("id", types.INT)))),
    )
    avro = AvroRows([("id", types.BIGINT), ("event", event)], not_null=["id"])
    assert avro.schema_text == (
        '{"type":"record","name":"record","namespace":"org.apache.flink.avro.generated","fields":['
        '{"name":"id","type":"long"},'
        '{"name":"event","type":["null",{"type":"record","name":"record_event","fields":['
        '{"name":"name","type":"string"},'
        '{"name":"parts","type":["null",{"type":"array","items":["null",{"type":"record",'
        '"name":"record_event_parts","fields":[{"name":"id","type":["null","int"],"default":null}]'
        '}]}],"default":null}]}],"default":null}]}'
    )


def test_a_record_may_have_another_name_and_no_namespace() -> None:
    avro = AvroRows([("event", types.row(Field("a", types.INT)))], "Payment", namespace="")
    schema = json.loads(avro.schema_text)
    fastavro.parse_schema(schema)
    assert "namespace" not in schema
    assert schema["name"] == "Payment"
    assert schema["fields"][0]["type"][1]["name"] == "Payment_event"


@pytest.mark.parametrize(
    ("name", "sql_type", "told"),
    [
        ("t", types.timestamp(9), "column 't' is a TIMESTAMP.9., .*CAST it AS TIMESTAMP\\(6\\)"),
        ("t", types.timestamp_ltz(9), "CAST it AS TIMESTAMP_LTZ\\(6\\)"),
        ("t", types.time(6), "column 't' is a TIME\\(6\\), .*CAST it AS TIME\\(3\\)"),
        ("i", types.INTERVAL, "column 'i' is an INTERVAL.*CAST"),
        ("m", types.map_of(types.INT, types.INT), "column 'm' is a MAP<INT, INT>.*STRING key"),
        ("a b", types.INT, "the sink: 'a b' is no name in Avro"),
        ("1a", types.INT, "'1a' is no name in Avro"),
        ("", types.INT, "'' is no name in Avro"),
        ("é", types.INT, "'é' is no name in Avro"),
        ("r", types.row(Field("x-y", types.INT)), "column 'r': 'x-y' is no name in Avro"),
        ("r", types.row(Field("x", types.time(6))), "column 'r', field 'x' is a TIME"),
        ("r", types.array(types.time(6)), "the elements of column 'r' is a TIME"),
    ],
)
def test_what_avro_cannot_hold_is_refused_with_the_next_step(
    name: str, sql_type: SqlType, told: str
) -> None:
    with pytest.raises(SqlError, match=told):
        AvroRows([(name, sql_type)])


def test_a_sink_needs_columns_of_different_names() -> None:
    with pytest.raises(SqlError, match="needs a column, got none"):
        AvroRows([])
    with pytest.raises(SqlError, match="the sink has the name 'a' twice"):
        AvroRows([("a", types.INT), ("a", types.INT)])
    with pytest.raises(SqlError, match="'b' is NOT NULL, but no column"):
        AvroRows([("a", types.INT)], not_null=["b"])


def test_two_rows_whose_paths_make_one_record_name_are_refused() -> None:
    inner = types.row(Field("x", types.INT))
    columns = [("a_b", inner), ("a", types.row(Field("b", inner)))]
    with pytest.raises(SqlError, match="would both be the Avro record 'record_a_b'"):
        AvroRows(columns)


def test_a_record_name_that_avro_has_not_is_refused() -> None:
    with pytest.raises(SqlError, match="the part 'my-team'"):
        AvroRows([("a", types.INT)], namespace="org.my-team")
