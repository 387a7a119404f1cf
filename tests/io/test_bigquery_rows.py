from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kami.tables import MYSQL_SOURCE, POSTGRESQL_SOURCE, change_log_columns
from pipeline_io.bigquery_chunks import Chunk, Piece, parts
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_errors import BigQuerySchemaError
from pipeline_io.bigquery_rows import Fitting
from pipeline_io.bigquery_types import arrow_schema, parse_type, type_of

UTC_TIME = pa.timestamp("us", tz="UTC")


def fitted(given: pa.Array[Any], wanted: str) -> list[Any]:
    """A column's values as they are sent to a column of the type."""
    rows = pa.record_batch([given], ["c"])
    schema = arrow_schema([("c", parse_type(wanted))])
    found = Fitting("t", rows.schema, schema).fit(rows)
    assert found.rows.schema == schema
    return found.rows.column("c").to_pylist()


@pytest.mark.parametrize(
    ("given", "wanted", "values"),
    [
        (pa.array(["a", None], pa.large_string()), "STRING", ["a", None]),
        (pa.array(["a"], pa.string_view()), "JSON", ["a"]),
        (pa.array([b"a"], pa.large_binary()), "BYTES", [b"a"]),
        (pa.array([1], pa.uint32()), "INT64", [1]),
        (pa.array([0.5], pa.float32()), "FLOAT64", [0.5]),
        (pa.array([Decimal("1.50")], pa.decimal128(10, 2)), "NUMERIC(10, 2)", [Decimal("1.50")]),
        (pa.array([None]), "DATE", [None]),
        (pa.array([None, ["a"]], pa.large_list(pa.large_string())), "ARRAY<STRING>", [[], ["a"]]),
        (pa.array([{"a": 1}, None]), "STRUCT<`a` INT64>", [{"a": 1}, None]),
    ],
)
def test_a_column_that_loses_nothing_is_cast(given: Any, wanted: str, values: list[Any]) -> None:
    assert fitted(given, wanted) == values


def test_milliseconds_become_microseconds() -> None:
    (value,) = fitted(pa.array([1_500], pa.timestamp("ms", tz="UTC")), "TIMESTAMP")
    assert value.timestamp() == 1.5


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (pa.array([1]), "STRING"),
        (pa.array([1], pa.uint64()), "INT64"),
        (pa.array(["1"]), "INT64"),
        (pa.array([1.5]), "INT64"),
        (pa.array([1], pa.timestamp("ns", tz="UTC")), "TIMESTAMP"),
        (pa.array([1], pa.timestamp("us")), "TIMESTAMP"),
        (pa.array([Decimal("0.0000000001")], pa.decimal128(20, 10)), "NUMERIC"),
        (pa.array([{"b": 1}]), "STRUCT<`a` INT64>"),
        (pa.array([["a"]]), "ARRAY<INT64>"),
    ],
)
def test_a_column_that_could_lose_values_is_refused(given: Any, wanted: str) -> None:
    with pytest.raises(BigQuerySchemaError, match=r"in the column 'c', and it takes .*cast"):
        fitted(given, wanted)


def test_a_column_that_the_table_lacks_is_refused_by_name() -> None:
    with pytest.raises(BigQuerySchemaError, match="'b', which it was not declared with"):
        Fitting("t", pa.schema([("b", pa.int64())]), pa.schema([("a", pa.int64())]))


def test_exactly_the_rows_that_bigquery_cannot_hold_are_refused() -> None:
    first, last = -62_135_596_800_000_000, 253_402_300_799_999_999
    rows = pa.record_batch(
        {
            "at": pa.array([first, first - 1, last, last + 1, None, 0], UTC_TIME),
            "tags": pa.array([["a"], ["a"], [], None, None, ["a", None]]),
        }
    )
    columns = [("at", parse_type("TIMESTAMP")), ("tags", parse_type("ARRAY<STRING>"))]
    found = Fitting("t", rows.schema, arrow_schema(columns)).fit(rows)
    assert [(one.row, one.error_class) for one in found.refused] == [
        (1, "TimeOutOfRange"),
        (3, "TimeOutOfRange"),
        (5, "NullInArray"),
    ]
    assert found.places.tolist() == [0, 2, 4]
    assert found.rows.column("tags").to_pylist() == [["a"], [], []]


def chunk_of(sizes: list[int]) -> Chunk:
    """A request made of batches of these sizes; each value says its batch and its place."""
    pieces = []
    for batch, size in enumerate(sizes):
        values = pa.record_batch({"v": pa.array([f"{batch}:{row}" for row in range(size)])})
        pieces.append(Piece(values, values, np.arange(size), mark=batch))
    return Chunk.of(pieces)


@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4), data=st.data())
def test_a_row_is_traced_to_its_batch_however_requests_were_cut(
    sizes: list[int], data: st.DataObject
) -> None:
    chunks = [chunk_of(sizes)]
    for _ in range(3):
        at = data.draw(st.integers(0, len(chunks) - 1))
        chunk = chunks.pop(at)
        if chunk.count > 1 and data.draw(st.booleans()):
            chunks[at:at] = chunk.cut(data.draw(st.integers(1, chunk.count - 1)))
        else:
            bad = data.draw(st.sets(st.integers(0, chunk.count - 1)))
            rest = chunk.without(sorted(bad))
            chunks[at:at] = [] if rest is None else [rest]
        if not chunks:
            break
    for chunk in chunks:
        for row, value in enumerate(chunk.rows.column("v").to_pylist()):
            one = chunk.refused("t", row, "class", "message")
            assert one.rows.column("v")[one.row].as_py() == value
            assert value.startswith(f"{one.mark}:")


@given(sizes=st.lists(st.integers(0, 200), min_size=1, max_size=40), most=st.integers(1, 400))
def test_parts_have_all_rows_in_order_and_are_small_or_of_one_row(
    sizes: list[int], most: int
) -> None:
    rows = pa.record_batch({"v": pa.array(["x" * size for size in sizes])})
    found = list(parts(Piece(rows, rows, np.arange(len(sizes))), most))
    assert [int(place) for part in found for place in part.places] == list(range(len(sizes)))
    assert all(part.rows.num_rows == 1 or part.rows.nbytes <= most for part in found)


@pytest.mark.parametrize("source", [MYSQL_SOURCE, POSTGRESQL_SOURCE], ids=["mysql", "postgresql"])
def test_the_types_of_a_log_are_read_and_written_the_same(source: Any) -> None:
    for name, text in change_log_columns(source):
        of = parse_type(text)
        assert str(of) == text
        assert type_of(of.field(name)) == of


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("numeric(10,2)", "NUMERIC(10, 2)"),
        ("INTEGER", "INT64"),
        ("array<struct<a int64, `b c` string(10)>>", "ARRAY<STRUCT<`a` INT64, `b c` STRING(10)>>"),
    ],
)
def test_types_are_read_however_they_are_spelled(text: str, spelled: str) -> None:
    assert str(parse_type(text)) == spelled


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "expected ARRAY"),
        ("VARCHAR", "has 'VARCHAR'; expected"),
        ("ARRAY<ARRAY<INT64>>", "array of arrays"),
        ("ARRAY<INT64", "has 'the end' where >"),
        ("STRUCT<a>", "has '>'"),
        ("NUMERIC(x)", "'x' where a number"),
        ("INT64 NOT NULL", "goes on with 'NOT'"),
        ("INT64;", "is not made of"),
    ],
)
def test_what_is_no_type_is_refused_with_its_text(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        parse_type(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"project": ""}, "the project is ''"),
        ({"dataset": "a.b"}, r"the dataset is 'a\.b'; expected its name alone"),
        ({"max_request_bytes": 10_000_001}, "BigQuery takes 1 to 10000000"),
        ({"connections": 0}, "connections is 0; expected 1 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        BigQueryConfig(**{"project": "shop-1", "dataset": "shop", **options})


def test_the_addresses_of_an_emulator_are_those_of_its_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert BigQueryConfig("p", "d").address == "bigquerystorage.googleapis.com:443"
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "localhost:9050")
    config = BigQueryConfig("p", "d")
    assert (config.rest_endpoint, config.emulator) == ("http://localhost:9050", "localhost:9060")
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", "localhost:1")
    assert BigQueryConfig("p", "d").emulator == "localhost:1"
