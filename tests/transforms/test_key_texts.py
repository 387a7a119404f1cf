"""Key texts of columns are those of kami's reference, value by value."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from kami.keys import key_text
from transforms.change_log_json import Rows, json_texts
from transforms.key_texts import key_texts

MICROSECONDS = {"connect.name": "io.debezium.time.MicroTimestamp"}
EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  (a clock without a zone)
TEXTS = st.text(max_size=12)
COLUMNS: dict[str, tuple[pa.Field[Any], st.SearchStrategy[Any]]] = {
    "integers": (pa.field("k", pa.int64()), st.integers(-(2**63), 2**63 - 1)),
    "texts": (pa.field("k", pa.string()), TEXTS),
    "booleans": (pa.field("k", pa.bool_()), st.booleans()),
    "doubles": (pa.field("k", pa.float64()), st.floats()),
    "bytes": (pa.field("k", pa.binary()), st.binary(max_size=9)),
    "decimals": (
        pa.field("k", pa.decimal128(20, 4)),
        st.integers(-(10**12), 10**12).map(lambda digits: Decimal(digits).scaleb(-4)),
    ),
    "wide decimals": (
        pa.field("k", pa.decimal256(60, 5)),
        st.integers(-(10**50), 10**50).map(lambda digits: _scaled(digits, 5)),
    ),
    "dates": (pa.field("k", pa.date32()), st.dates()),
    "times": (pa.field("k", pa.time64("us")), st.times()),
    "instants": (
        pa.field("k", pa.timestamp("us", "UTC")),
        st.datetimes().map(lambda moment: moment.replace(tzinfo=datetime.timezone.utc)),
    ),
}


def _scaled(digits: int, scale: int) -> Decimal:
    return Decimal((int(digits < 0), tuple(int(d) for d in str(abs(digits))), -scale))


def keys(fields: list[pa.Field[Any]], rows: list[dict[str, Any]]) -> Rows:
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in fields]
    return Rows(pa.StructArray.from_arrays(columns, fields=fields))


@given(st.data())
def test_the_key_text_of_a_column_is_the_references(data: st.DataObject) -> None:
    field, values = COLUMNS[data.draw(st.sampled_from(sorted(COLUMNS)))]
    rows = [{"k": value} for value in data.draw(st.lists(values, min_size=1, max_size=6))]
    assert key_texts(keys([field], rows)).to_list() == [key_text(row) for row in rows]


@given(st.lists(st.tuples(TEXTS, st.integers(-5, 5), TEXTS), min_size=1, max_size=8))
def test_composite_keys_are_one_text_exactly_when_they_are_equal(
    rows: list[tuple[str, int, str]],
) -> None:
    fields: list[pa.Field[Any]] = [
        pa.field("b", pa.string()),
        pa.field("É", pa.int64()),
        pa.field("a", pa.string()),
    ]
    named = [dict(zip(("b", "É", "a"), row, strict=True)) for row in rows]
    found = key_texts(keys(fields, named)).to_list()
    assert found == [key_text(row) for row in named]
    assert len(set(found)) == len(set(rows))


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_a_number_of_microseconds_has_the_text_of_its_time(microseconds: int) -> None:
    field = pa.field("at", pa.int64(), metadata=MICROSECONDS)
    moment = EPOCH + datetime.timedelta(microseconds=microseconds)
    assert key_texts(keys([field], [{"at": microseconds}]))[0] == key_text({"at": moment})


@given(st.integers(-(839 * 3600 * 10**6), 839 * 3600 * 10**6))
def test_a_time_of_mysql_has_the_text_of_its_duration(microseconds: int) -> None:
    field = pa.field("t", pa.int64(), metadata={"connect.name": "io.debezium.time.MicroTime"})
    duration = datetime.timedelta(microseconds=microseconds)
    assert key_texts(keys([field], [{"t": microseconds}]))[0] == key_text({"t": duration})


def test_decimals_that_come_as_texts_are_cut_where_the_connector_names_their_type() -> None:
    parameters = json.dumps({"__debezium.source.column.type": "DECIMAL"})
    told = pa.field("k", pa.string(), metadata={"connect.parameters": parameters})
    silent = pa.field("k", pa.string())
    assert key_texts(keys([told], [{"k": "1.50"}]))[0] == '["1.5"]'
    assert key_texts(keys([silent], [{"k": "1.50"}]))[0] == '["1.50"]'


def test_a_uuid_is_in_lower_case_and_a_missing_value_is_null() -> None:
    field = pa.field("k", pa.string(), metadata={"connect.name": "io.debezium.data.Uuid"})
    found = key_texts(keys([field], [{"k": "ABC-1"}, {"k": None}])).to_list()
    assert found == ['["abc-1"]', "[null]"]


@given(st.lists(st.tuples(TEXTS, st.booleans(), st.floats(allow_nan=False, allow_infinity=False))))
def test_json_of_plain_columns_reads_back(rows: list[tuple[str, bool, float]]) -> None:
    names = ("^name$", "*", "x")
    fields = [
        pa.field(name, kind)
        for name, kind in zip(names, (pa.string(), pa.bool_(), pa.float64()), strict=True)
    ]
    named = [dict(zip(names, row, strict=True)) for row in rows]
    columns = [pa.array([row[field.name] for row in named], field.type) for field in fields]
    found = json_texts(Rows(pa.StructArray.from_arrays(columns, fields=fields))).to_list()
    assert [json.loads(text) for text in found] == named
