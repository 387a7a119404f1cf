"""Every type of Spanner: its type in the warehouse, and the value that a view has of it."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kami import tables
from kami.config_file import read_config
from kami.errors import ConfigurationError
from kami.information_schema import read_live
from kami.reconcile_moment import consistent_read
from kami.schema import SourceColumn
from kami.types import UnsupportedTypeError, warehouse_type
from kami.warehouse import literal
from kami.warehouse_duckdb import DuckDbWarehouse
from tests.stack.spanner_databases import SpannerDatabase

UTC = datetime.timezone.utc
VALUES: list[tuple[str, str, object, object]] = [
    ("bool", "BOOL", True, True),
    ("int64", "INT64", -(2**63), -(2**63)),
    ("float64", "FLOAT64", 0.1, 0.1),
    ("float32", "FLOAT64", 1.5, 1.5),
    ("numeric", "NUMERIC(38, 9)", "-1.5", Decimal("-1.5")),
    ("string(max)", "STRING", "a\u00e9", "a\u00e9"),
    ("string(36)", "STRING", "a", "a"),
    ("bytes(max)", "BYTES", "AP8=", b"\x00\xff"),
    ("date", "DATE", "0001-01-01", datetime.date(1, 1, 1)),
    ("json", "JSON", '{"n":1}', '{"n":1}'),
    ("uuid", "STRING", "0-0", "0-0"),
    ("array<string(max)>", "STRING", ["x", None], '["x",null]'),
    ("array<float32>(vector_length=>2)", "STRING", [1.5, 2], "[1.5,2]"),
]
TIMES = [
    ("2026-11-22T16:00:17Z", 0),
    ("2026-11-22T16:00:17.5Z", 500_000),
    ("2026-11-22T16:00:17.123456Z", 123_456),
    ("2026-11-22T16:00:17.1234569Z", 123_456),
    ("2026-11-22T16:00:17.123456999Z", 123_456),
]


def extracted(source_type: str, value: object) -> Any:
    """What a view has of a value in `after`."""
    kind = warehouse_type(SourceColumn("c", source_type), "spanner")
    document = literal(json.dumps({"c": value}))
    sql = f"SELECT {kind.extract('after[' + repr('c') + ']')} AS c"
    warehouse = DuckDbWarehouse(":memory:")
    table = warehouse.query(f"{sql} FROM (SELECT PARSE_JSON({document}) AS after)")
    return table.column("c")[0].as_py()


@pytest.mark.parametrize(("source_type", "stored_as", "value", "expected"), VALUES)
def test_a_value_comes_out_as_spanner_has_it(
    source_type: str, stored_as: str, value: object, expected: object
) -> None:
    assert warehouse_type(SourceColumn("c", source_type), "spanner").bigquery == stored_as
    assert extracted(source_type, value) == expected
    assert extracted(source_type, None) is None


@pytest.mark.parametrize(("text", "microseconds"), TIMES)
def test_a_timestamp_is_cut_to_microseconds(text: str, microseconds: int) -> None:
    at = datetime.datetime(2026, 11, 22, 16, 0, 17, microseconds, tzinfo=UTC)
    assert extracted("timestamp", text).astimezone(UTC) == at
    (note,) = warehouse_type(SourceColumn("c", "timestamp"), "spanner").notes
    assert "microseconds" in note


def test_sql_of_a_timestamp_never_casts_more_digits_than_bigquery_reads() -> None:
    kind = warehouse_type(SourceColumn("c", "timestamp"), "spanner")
    cut = "CONCAT(RTRIM(SUBSTR(JSON_VALUE(after['c']), 1, 26), 'Z'), 'Z')"
    assert kind.extract("after['c']") == f"SAFE_CAST({cut} AS TIMESTAMP)"


@pytest.mark.parametrize("source_type", ["proto<a.b>", "enum<a.b>", "interval", "array<interval>"])
def test_a_type_that_no_event_has_is_refused_by_its_name(source_type: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=source_type):
        warehouse_type(SourceColumn("c", source_type), "spanner")


def test_spanners_tables_are_read(spanner_database: SpannerDatabase) -> None:
    spanner_database.ddl(
        "CREATE TABLE pairs (a INT64 NOT NULL, b STRING(9), twice INT64 AS (a * 2) STORED) "
        "PRIMARY KEY (b, a)",
        "CREATE VIEW seen SQL SECURITY INVOKER AS SELECT p.a FROM pairs AS p",
        "CREATE SCHEMA app",
        "CREATE TABLE app.t (id INT64) PRIMARY KEY (id)",
    )
    found = {(table.schema, table.name): table for table in read_live(spanner_database.url)}
    assert sorted(found) == [("", "pairs"), ("app", "t")]
    pairs = found["", "pairs"]
    assert (pairs.dialect, pairs.primary_key) == ("spanner", ("b", "a"))
    assert [(c.name, c.source_type, c.nullable, c.generated) for c in pairs.columns] == [
        ("a", "int64", False, False),
        ("b", "string(9)", True, False),
        ("twice", "int64", True, True),
    ]
    assert found["app", "t"].warehouse_name == "app_t"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("spanner:p/i", "expected spanner:PROJECT/INSTANCE/DATABASE"),
        ("spanner:kamiflow/tests/nowhere", "kamiflow/tests/nowhere does not exist"),
    ],
)
def test_an_address_that_cannot_be_read_is_said(
    spanner_database: SpannerDatabase, url: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_live(url)


@pytest.mark.parametrize(("polled", "layout"), [("true", "audit_columns"), ("false", "spanner")])
def test_a_source_of_spanner_is_read_from_its_stream_or_polled(
    tmp_path: Path, polled: str, layout: str
) -> None:
    (source,) = configured(tmp_path, f"url: 'spanner:p/i/d', polled: {polled}").sources
    assert source.dialect == "spanner"
    assert tables.SOURCE_LAYOUTS[source.connector] == tables.SOURCE_LAYOUTS[layout]


def test_a_source_of_spanner_has_no_file_of_statements(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a source of Spanner has `url`"):
        configured(tmp_path, "ddl: shop.sql")


def test_a_source_of_spanner_is_compared_with_a_file_alone(tmp_path: Path) -> None:
    (source,) = configured(tmp_path, "url: 'spanner:p/i/d'").sources
    with (
        pytest.raises(ConfigurationError, match="compare with a file: --against"),
        consistent_read(source),
    ):
        pass


def configured(folder: Path, source: str) -> Any:
    path = folder / "kami.yaml"
    sources = f"sources:\n  - {{name: shop, type: spanner, {source}}}\n"
    path.write_text(f"warehouse: duckdb:w.duckdb\n{sources}", encoding="utf-8")
    return read_config(path)
