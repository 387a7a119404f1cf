from decimal import Decimal

import polars as pl
import pytest

from transforms.sql import types
from transforms.sql.avro_rows import AvroRows
from transforms.sql.errors import SqlError
from transforms.sql.key_rows import check_key, key_rows
from transforms.sql.types import SqlType, polars_type


@pytest.mark.parametrize(
    ("sql_type", "values", "keys"),
    [
        (types.STRING, ["é", "", None], ["é".encode(), b"", None]),
        (types.BYTES, [b"\xff\x00", b"", None], [b"\xff\x00", b"", None]),
        (types.BIGINT, [-(2**63), 0, None], [b"-9223372036854775808", b"0", None]),
        (types.TINYINT, [-128, 127, None], [b"-128", b"127", None]),
        (types.decimal(10, 2), [Decimal("-1.50"), None], [b"-1.50", None]),
    ],
    ids=str,
)
def test_a_raw_key_is_the_text_of_its_column(
    sql_type: SqlType, values: list[object], keys: list[bytes | None]
) -> None:
    rows = pl.DataFrame([pl.Series("id", values, polars_type(sql_type))])
    found = key_rows(rows, [("id", sql_type)], "raw")
    assert found.payload.dtype == pl.Binary
    assert found.payload.to_list() == keys
    assert found.failures == []


def test_a_json_key_is_an_object_of_its_columns_alone() -> None:
    rows = pl.DataFrame({"x": [1, 2], "b": ["y", None], "a": [3, 4]})
    found = key_rows(rows, [("a", types.BIGINT), ("b", types.STRING)], "json")
    assert found.payload.to_list() == [b'{"a":3,"b":"y"}', b'{"a":4,"b":null}']


def test_a_key_without_a_json_form_is_a_failure_of_that_row_alone() -> None:
    column = types.map_of(types.STRING, types.INT)
    values = [[{"key": "a", "value": 1}], [{"key": None, "value": 1}]]
    rows = pl.DataFrame([pl.Series("m", values, polars_type(column))])
    found = key_rows(rows, [("m", column)], "json")
    assert found.payload.to_list() == [b'{"m":{"a":1}}', None]
    assert [row for row, _ in found.failures] == [1]


def test_an_avro_key_is_framed_with_its_schemas_id() -> None:
    columns = [("id", types.BIGINT)]
    rows = pl.DataFrame({"id": [1, None]}, {"id": pl.Int64()})
    avro = AvroRows(columns, not_null=["id"])
    found = key_rows(rows, columns, "avro-confluent", avro=avro, schema_id=7)
    assert found.payload.to_list() == [b"\x00\x00\x00\x00\x07\x02", None]
    assert [row for row, _ in found.failures] == [1]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([], "'key.fields' names no column"),
        ([("a", types.INT), ("b", types.INT)], "is for one column, and 'key.fields' names 2: a, b"),
        ([("a", types.DOUBLE)], "column 'a' is a DOUBLE; expected STRING, BYTES"),
        ([("a", types.row(types.Field("x", types.INT)))], "column 'a' is a ROW"),
    ],
)
def test_a_raw_key_of_what_has_no_one_text_is_refused(
    columns: list[tuple[str, SqlType]], told: str
) -> None:
    with pytest.raises(SqlError, match=told):
        check_key(columns, "raw")


def test_an_unknown_format_is_refused() -> None:
    rows = pl.DataFrame({"id": [1]})
    with pytest.raises(ValueError, match="format 'csv' cannot be made"):
        key_rows(rows, [("id", types.BIGINT)], "csv")
