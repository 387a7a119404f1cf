"""Tables of Spanner polled by an update timestamp, on the emulator."""

from __future__ import annotations

import datetime
import itertools
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from google.cloud.spanner_v1 import COMMIT_TIMESTAMP

from pipeline_io.audit_errors import SchemaChanged
from pipeline_io.audit_spanner import SpannerAudit
from pipeline_io.audit_tables import Cursor, Shard, TableRequest, shards_of
from pipeline_io.spanner_config import SpannerConfig
from tests.stack.spanner_databases import SpannerDatabase

ORDERS = """
CREATE TABLE orders (
  id INT64 NOT NULL,
  state STRING(20),
  updated TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
  ShardId INT64 AS (MOD(id, 4)) STORED
) PRIMARY KEY (id)
"""
INDEX = "CREATE INDEX orders_polled ON orders (ShardId, updated)"
TIMES = "CREATE TABLE t (a STRING(5), b INT64, updated TIMESTAMP) PRIMARY KEY (a, b)"


@pytest.fixture
def audit(spanner_database: SpannerDatabase) -> Iterator[SpannerAudit]:
    opened = SpannerAudit(SpannerConfig.of(spanner_database.url), page_rows=3)
    yield opened
    opened.close()


def test_pages_give_each_row_once_in_the_order_of_update_time_and_key(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(ORDERS, INDEX)
    # Seven rows of one commit: pages end in the middle of one update time.
    _put(spanner_database, *range(7, 0, -1))
    _put(spanner_database, 20, 10)
    table = audit.describe(TableRequest("orders", "updated"))
    bound = audit.upper_bound()
    batches = list(audit.changed(table, Shard(), None, bound.us))
    assert [batch.num_rows for batch in batches] == [3, 3, 3]
    assert _column(batches, "id") == [1, 2, 3, 4, 5, 6, 7, 10, 20]
    assert _column(batches, "_updated_us") == sorted(_column(batches, "_updated_us"))
    assert batches[0].schema == table.with_updated_us()


def test_a_poll_goes_on_after_its_cursor_and_ends_at_its_bound(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(ORDERS)
    _put(spanner_database, 1, 2, 3)
    table = audit.describe(TableRequest("orders", "updated"))
    (first,) = audit.changed(table, Shard(), None, audit.upper_bound().us)
    at = first.column("_updated_us")[0].as_py()
    bound = audit.upper_bound()
    _put(spanner_database, 4)
    rest = list(audit.changed(table, Shard(), Cursor(at, (2,)), bound.us))
    assert _column(rest, "id") == [3]
    whole = list(audit.changed(table, Shard(), Cursor(at), bound.us))
    assert _column(whole, "id") == [1, 2, 3]
    later = list(audit.changed(table, Shard(), Cursor(at, (3,)), audit.upper_bound().us))
    assert _column(later, "id") == [4]


def test_all_pages_of_a_poll_are_read_as_of_its_bound(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(ORDERS)
    _put(spanner_database, *range(1, 7))
    table = audit.describe(TableRequest("orders", "updated"))
    pages = audit.changed(table, Shard(), None, audit.upper_bound().us)
    first = next(pages)
    # It moves out of the poll's range, and the poll sees it where it was.
    _put(spanner_database, 5, state="late")
    rows = [first, *pages]
    assert _column(rows, "id") == [1, 2, 3, 4, 5, 6]
    assert set(_column(rows, "state")) == {"new"}
    cursor = Cursor(rows[-1].column("_updated_us")[-1].as_py(), (6,))
    again = list(audit.changed(table, Shard(), cursor, audit.upper_bound().us))
    assert (_column(again, "id"), _column(again, "state")) == ([5], ["late"])


def test_an_old_bound_is_read_as_of_now_since_spanner_may_have_no_older_versions(
    spanner_database: SpannerDatabase,
) -> None:
    now = [time.time()]
    config = SpannerConfig.of(spanner_database.url)
    audit = SpannerAudit(config, page_rows=2, clock=lambda: now[0])
    spanner_database.ddl(ORDERS)
    _put(spanner_database, 1, 2, 3, 4)
    table = audit.describe(TableRequest("orders", "updated"))
    pages = audit.changed(table, Shard(), None, audit.upper_bound().us)
    first = next(pages)
    _put(spanner_database, 3, state="late")
    now[0] += 3_600
    rest = list(pages)
    late = list(audit.changed(table, Shard(), Cursor(0), audit.upper_bound().us))
    audit.close()
    assert _column([first, *rest], "id") == [1, 2, 4]
    assert _column(late, "id") == [1, 2, 4, 3]


def test_each_row_belongs_to_one_shard_and_its_index_is_used(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(ORDERS, INDEX)
    _put(spanner_database, *range(-6, 12))
    request = TableRequest(
        "orders", "updated", index="orders_polled", shard_column="ShardId", shards=(3, 0, 3)
    )
    table = audit.describe(request)
    bound = audit.upper_bound().us
    found = [
        _column(list(audit.changed(table, shard, None, bound)), "id")
        for shard in shards_of(request)
    ]
    swept = [_column(list(audit.keys(table, shard)), "id") for shard in shards_of(request)]
    assert table.warnings == ()
    assert sorted(itertools.chain.from_iterable(found)) == list(range(-6, 12))
    assert [sorted(one) for one in found] == swept
    assert all(found)


def test_nanoseconds_of_two_rows_are_told_apart_and_their_microsecond_is_cut(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(TIMES)
    times = [f"2026-01-01T00:00:00.000001{number}Z" for number in (9, 102, 55, 3, 701)]
    rows = [["x", number, time] for number, time in enumerate(times)]
    spanner_database.insert("t", ["a", "b", "updated"], rows)
    table = audit.describe(TableRequest("t", "updated"))
    found = list(audit.changed(table, Shard(), None, audit.upper_bound().us))
    assert _column(found, "b") == [1, 3, 2, 4, 0]
    assert _column(found, "updated") == sorted(times)
    (us,) = set(_column(found, "_updated_us"))
    assert us == 1_767_225_600_000_001
    # Where it stands within the microsecond a cursor does not know: it begins anew.
    again = list(audit.changed(table, Shard(), Cursor(us, ("x", 4)), us))
    assert sorted(_column(again, "b")) == [0, 1, 2, 3, 4]
    assert list(audit.changed(table, Shard(), None, us - 1)) == []


def test_keys_may_be_null_and_rows_without_an_update_time_are_found_by_a_sweep(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(TIMES)
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    keys = [(None, None), (None, 1), ("x", None), ("x", 1), ("x", 2), ("y", None), ("y", 0)]
    spanner_database.insert("t", ["a", "b", "updated"], [[*key, at] for key in keys])
    spanner_database.insert("t", ["a", "b", "updated"], [["z", 9, None]])
    table = audit.describe(TableRequest("t", "updated"))
    found = list(audit.changed(table, Shard(), None, audit.upper_bound().us))
    assert list(zip(_column(found, "a"), _column(found, "b"), strict=True)) == keys
    swept = list(audit.keys(table, Shard()))
    assert swept[0].schema == table.key_schema()
    assert list(zip(_column(swept, "a"), _column(swept, "b"), strict=True)) == [*keys, ("z", 9)]
    assert _column(swept, "_updated_us") == [1_767_225_600_000_000] * 7 + [None]
    after_null = Cursor(1_767_225_600_000_000, (None, 1))
    rest = list(audit.changed(table, Shard(), after_null, audit.upper_bound().us))
    assert list(zip(_column(rest, "a"), _column(rest, "b"), strict=True)) == keys[2:]


def test_a_sweep_sees_one_moment(spanner_database: SpannerDatabase, audit: SpannerAudit) -> None:
    spanner_database.ddl(ORDERS)
    _put(spanner_database, *range(1, 8))
    table = audit.describe(TableRequest("orders", "updated"))
    sweep = audit.keys(table, Shard())
    first = next(sweep)
    spanner_database.delete("orders", [6])
    _put(spanner_database, 9)
    assert _column([first, *sweep], "id") == [1, 2, 3, 4, 5, 6, 7]


def test_rows_are_asked_for_by_their_keys_as_they_are_now(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(TIMES)
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    spanner_database.insert("t", ["a", "b", "updated"], [["x", 1, at], [None, 2, None]])
    table = audit.describe(TableRequest("t", "updated"))
    wanted = pa.RecordBatch.from_pydict(
        {"a": ["x", None, "gone"], "b": [1, 2, 3]}, schema=pa.schema([*table.key_schema()][:2])
    )
    rows = audit.rows(table, wanted)
    assert rows.schema == table.with_updated_us()
    found = sorted(rows.to_pylist(), key=lambda row: row["b"])
    assert [(row["a"], row["b"], row["_updated_us"]) for row in found] == [
        ("x", 1, 1_767_225_600_000_000),
        (None, 2, None),
    ]
    assert audit.rows(table, wanted.slice(0, 0)).num_rows == 0


def test_a_column_that_was_dropped_between_polls_is_said(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    spanner_database.ddl(ORDERS)
    _put(spanner_database, 1)
    table = audit.describe(TableRequest("orders", "updated"))
    spanner_database.ddl("ALTER TABLE orders DROP COLUMN state")
    with pytest.raises(SchemaChanged, match=r"orders cannot be polled: .*state"):
        list(audit.changed(table, Shard(), None, audit.upper_bound().us))


def test_a_commit_that_a_poll_did_not_see_is_after_its_bound(
    spanner_database: SpannerDatabase, audit: SpannerAudit
) -> None:
    """What `updated > last` misses elsewhere: a transaction that began before the poll and is
    committed after it."""
    spanner_database.ddl(ORDERS)
    _put(spanner_database, 1)
    table = audit.describe(TableRequest("orders", "updated"))
    bounds = []

    def slow(transaction: Any) -> None:
        transaction.insert("orders", ["id", "updated"], [[2, COMMIT_TIMESTAMP]])
        bounds.append(audit.upper_bound().us)
        bounds.append(audit.upper_bound().us)

    spanner_database.transact(slow)
    seen = [list(audit.changed(table, Shard(), None, bound)) for bound in bounds]
    assert [_column(one, "id") for one in seen] == [[1], [1]]
    last = Cursor(bounds[-1] + 1)
    assert _column(list(audit.changed(table, Shard(), last, audit.upper_bound().us)), "id") == [2]


def _put(database: SpannerDatabase, *ids: int, state: str = "new") -> None:
    rows = [[id_, state, COMMIT_TIMESTAMP] for id_ in ids]
    database.upsert("orders", ["id", "state", "updated"], rows)


def _column(batches: list[pa.RecordBatch], name: str) -> list[Any]:
    return [value for batch in batches for value in batch.column(name).to_pylist()]
