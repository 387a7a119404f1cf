"""A polled table of Spanner as the emulator's information schema describes it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_spanner import SpannerAudit
from pipeline_io.audit_tables import Cursor, Shard, TableRequest
from pipeline_io.spanner_config import SpannerConfig
from tests.stack.spanner_databases import SpannerDatabase

EVERY_TYPE = """
CREATE TABLE every (
  id STRING(36) NOT NULL,
  n NUMERIC, f FLOAT64, g FLOAT32, ok BOOL, raw BYTES(MAX), day DATE, doc JSON,
  tags ARRAY<STRING(MAX)>, amounts ARRAY<NUMERIC>, docs ARRAY<JSON>,
  updated TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true)
) PRIMARY KEY (id)
"""
ROW = """
INSERT INTO every (id, n, f, g, ok, raw, day, doc, tags, amounts, docs, updated) VALUES (
  'a', NUMERIC '-1.5', 0.1, 1.5, TRUE, b'\\x00\\xff', DATE '2024-02-29',
  JSON '{"big": 12345678901234567890}', ['x', NULL], [NUMERIC '0.000000001'], [JSON '1'],
  PENDING_COMMIT_TIMESTAMP())
"""
ORDERS = "CREATE TABLE orders (id INT64 NOT NULL, moved TIMESTAMP, n INT64) PRIMARY KEY (id)"


@pytest.fixture
def audit(spanner_database: SpannerDatabase) -> Iterator[SpannerAudit]:
    opened = SpannerAudit(SpannerConfig.of(spanner_database.url))
    yield opened
    opened.close()


def test_columns_of_every_type_are_described_and_read(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(EVERY_TYPE, "CREATE INDEX i ON every (updated)")
    spanner_database.execute(ROW)
    table = audit.describe(TableRequest("Every", "Updated"))
    assert (table.label, table.key, table.updated) == ("every", ("id",), "updated")
    assert not table.columns.field("id").nullable
    assert table.columns.field("n").nullable
    assert table.columns.field("doc").metadata == {b"connect.name": b"io.debezium.data.Json"}
    assert table.source_types[:3] == ("STRING(36)", "NUMERIC", "FLOAT64")
    assert table.warnings == ()
    (batch,) = audit.changed(table, Shard(), None, audit.upper_bound().us)
    (row,) = batch.drop_columns(["updated", "_updated_us", "raw", "n", "amounts"]).to_pylist()
    assert row == {
        "id": "a",
        "f": 0.1,
        "g": 1.5,
        "ok": True,
        "day": datetime.date(2024, 2, 29),
        "doc": '{"big":12345678901234567890}',
        "tags": ["x", None],
        "docs": ["1"],
    }
    assert batch.column("raw").to_pylist() == [b"\x00\xff"]
    assert batch.column("n").cast(pa.utf8()).to_pylist() == ["-1.500000000"]
    amounts: Any = batch.column("amounts")
    assert amounts.flatten().cast(pa.utf8()).to_pylist() == ["1E-9"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (TableRequest("order", "moved"), "table 'order' .* did you mean 'orders'"),
        (
            TableRequest("orders", "move"),
            r"no column 'move' \(the update time\); did you mean 'moved'",
        ),
        (TableRequest("orders", "moved", key=("idd",)), r"'idd' \(of the key\); did you mean 'id'"),
        (TableRequest("orders", "moved", index="ix"), "no index 'ix'; there is none at all"),
        (TableRequest("orders", "n"), "'n' is INT64 and updated_unit is None"),
        (TableRequest("orders", "moved", updated_unit="s"), "is TIMESTAMP and updated_unit is 's'"),
        (TableRequest("orders", "id", query="SELECT 1 AS id"), "which columns identify a row"),
        (
            TableRequest("orders", "moved", query="SELECT 1 AS id", key=("id",), index="i"),
            "write the index into the query",
        ),
        (
            TableRequest("orders", "moved", shard_column="moved", shards=(1, 0, 0)),
            "the shard column 'moved' is TIMESTAMP; expected INT64",
        ),
    ],
)
def test_a_request_that_does_not_fit_its_table_is_refused_with_the_nearest_name(
    spanner_database: SpannerDatabase, audit: SpannerAudit, request_: TableRequest, said: str
) -> None:
    spanner_database.ddl(ORDERS)
    with pytest.raises(AuditError, match=said):
        audit.describe(request_)


def test_a_column_that_has_no_form_elsewhere_is_refused_by_its_name(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    query = "SELECT id, moved, INTERVAL 1 DAY AS span FROM orders"
    spanner_database.ddl(ORDERS)
    with pytest.raises(AuditError, match=r"INTERVAL"):
        audit.describe(TableRequest("orders", "moved", query=query, key=("id",)))


def test_what_makes_polls_slow_or_misses_rows_is_warned_of_with_its_remedy(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(ORDERS)
    table = audit.describe(TableRequest("orders", "moved", overlap_seconds=60))
    assert audit.unseen(table) == []
    spanner_database.insert("orders", ["id"], [[1], [2]])
    (null,) = audit.unseen(table)
    late, slow = table.warnings
    assert "'moved' is no commit timestamp" in late
    assert "the last 60 s again" in late
    assert "CREATE INDEX orders_polled ON orders (moved)" in slow
    assert "rows without 'moved': 2; polls never see them" in null


def test_an_index_that_does_not_begin_with_the_update_time_is_warned_of(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(ORDERS, "CREATE INDEX by_n ON orders (n, moved)")
    _, slow = audit.describe(TableRequest("orders", "moved", index="by_n")).warnings
    assert "the index 'by_n' does not begin with (moved)" in slow


def test_a_query_of_ones_own_is_read_with_its_own_columns(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(ORDERS)
    spanner_database.execute(
        "INSERT INTO orders (id, moved, n) VALUES (1, TIMESTAMP '2026-01-01T00:00:00Z', 7), "
        "(2, TIMESTAMP '2026-01-02T00:00:00Z', 8)"
    )
    query = "SELECT id, moved, n * 2 AS twice FROM orders WHERE n > 0;"
    table = audit.describe(TableRequest("orders", "moved", query=query, key=("id",)))
    bound = audit.upper_bound().us
    (batch,) = audit.changed(table, Shard(), Cursor(1_767_225_600_000_001), bound)
    assert batch.column("twice").to_pylist() == [16]
    assert audit.rows(table, batch.select(["id"])).column("twice").to_pylist() == [16]
    assert [len(one) for one in audit.keys(table, Shard())] == [2]
    assert "a query of your own" in table.warnings[0]


def test_an_update_time_may_be_an_integer_with_its_unit(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(ORDERS)
    spanner_database.insert("orders", ["id", "n"], [[1, 1_000], [2, 2_000], [3, 3_000]])
    table = audit.describe(TableRequest("orders", "n", updated_unit="ms"))
    (batch,) = audit.changed(table, Shard(), Cursor(1_000_000, (1,)), 2_999_000)
    assert batch.column("id").to_pylist() == [2]
    assert batch.column("_updated_us").to_pylist() == [2_000_000]
