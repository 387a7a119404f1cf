"""Snapshot tables in a DuckDB file."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pipeline_io.snapshot_errors import SnapshotError
from pipeline_io.snapshot_file import DONE, READING, SnapshotFile, SnapshotRecord
from pipeline_io.warehouse_errors import WarehouseError

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
RECORD = SnapshotRecord("items", "{}", "0001", None, [3, 4], NOW, 2, DONE)
COLUMNS = [("_key", "STRING"), ("id", "INT64")]
BOOKKEEPING = {
    "_snapshots": [
        *(("table_name", "STRING"), ("anchor", "JSON"), ("order_key", "STRING")),
        *(("xmax", "INT64"), ("in_progress", "ARRAY<INT64>"), ("taken_at", "TIMESTAMP")),
        *(("row_count", "INT64"), ("state", "STRING")),
    ],
    "_snapshot_rows": [("table_name", "STRING"), ("row", "JSON")],
    "_incarnations": [
        *(("source", "STRING"), ("ordinal", "INT64"), ("identity", "STRING")),
        *(("first_seen", "TIMESTAMP"), ("added_by", "STRING")),
    ],
}


def duckdb_sql(bigquery: str) -> str:
    """Enough of a translation for these tables."""
    sql = (
        bigquery.replace("`", '"').replace("STRING", "VARCHAR").replace("TIMESTAMP", "TIMESTAMPTZ")
    )
    return sql.replace("ARRAY<INT64>", "BIGINT[]").replace("INT64", "BIGINT")


@pytest.fixture
def store(tmp_path: Path) -> SnapshotFile:
    made = SnapshotFile(str(tmp_path / "warehouse.duckdb"), "shop", duckdb_sql, wait_seconds=0.1)
    made.create(BOOKKEEPING)
    return made


def rows(store: SnapshotFile, table: str) -> list[tuple[object, ...]]:
    with duckdb.connect(store.path) as connection:
        return connection.execute(f"SELECT * FROM shop.{table}").fetchall()  # noqa: S608


def fill(store: SnapshotFile, *keys: str) -> None:
    store.begin("items", COLUMNS)
    texts = pa.table({"_key": list(keys), "c0": [str(number) for number in range(len(keys))]})
    store.append("items", texts, "SELECT _key, CAST(c0 AS INT64) AS id FROM incoming")


def test_rows_are_seen_when_all_are_there(store: SnapshotFile) -> None:
    fill(store, "a", "b")
    store.finish("items", RECORD)
    fill(store, "c")
    assert rows(store, "items_snapshot") == [("a", 0), ("b", 1)]
    store.append("items", pa.table({"_key": ["d"], "id": [9]}))
    store.finish("items", RECORD)
    assert rows(store, "items_snapshot") == [("c", 0), ("d", 9)]
    assert store.records() == [RECORD]


def test_rows_that_are_missing_keep_the_old_snapshot(store: SnapshotFile) -> None:
    fill(store, "a", "b")
    store.finish("items", RECORD)
    fill(store, "c")
    with pytest.raises(SnapshotError, match=r"has 1 rows, and the source has 2; the old"):
        store.finish("items", RECORD)
    assert rows(store, "items_snapshot") == [("a", 0), ("b", 1)]
    assert store.records() == [RECORD]


def test_what_a_broken_run_left_is_not_added_to(store: SnapshotFile) -> None:
    fill(store, "a", "b", "c")
    fill(store, "a", "b")
    store.finish("items", RECORD)
    assert rows(store, "items_snapshot") == [("a", 0), ("b", 1)]


def test_a_snapshot_that_is_being_read_is_noted_beside_the_one_in_place(
    store: SnapshotFile,
) -> None:
    reading = RECORD._replace(state=READING, order_key="0002")
    fill(store, "a", "b")
    store.finish("items", RECORD)
    store.record(reading._replace(order_key="0003"))
    store.record(reading)
    assert sorted(store.records()) == sorted([RECORD, reading])
    fill(store, "c", "d")
    store.finish("items", RECORD)
    assert store.records() == [RECORD]


def test_rows_that_waited_as_json_go_when_the_table_is_there(store: SnapshotFile) -> None:
    waiting = pa.table({"table_name": ["items"], "row": ["{}"]})
    store.write_rows("items", waiting, RECORD)
    store.write_rows("other", pa.table({"table_name": ["other"], "row": ["{}"]}), RECORD)
    fill(store, "a", "b")
    store.finish("items", RECORD)
    assert [row[0] for row in rows(store, "_snapshot_rows")] == ["other"]


def test_the_oldest_key_of_a_log_is_its_lowest(store: SnapshotFile) -> None:
    assert store.oldest_log_key("items") is None
    with duckdb.connect(store.path) as connection:
        connection.execute("CREATE TABLE shop.items_change_log (_order_key VARCHAR)")
    assert store.oldest_log_key("items") is None
    with duckdb.connect(store.path) as connection:
        connection.execute("INSERT INTO shop.items_change_log VALUES ('0002'), ('0001'), (NULL)")
    assert store.oldest_log_key("items") == "0001"


def test_incarnations_are_kept(store: SnapshotFile) -> None:
    store.add_incarnations("shop", [(1, "a"), (2, "")], NOW, "snapshot")
    assert store.incarnations() == [(1, "a"), (2, "")]


def test_a_file_that_another_process_holds_is_told(store: SnapshotFile) -> None:
    program = (
        "import duckdb, sys; connection = duckdb.connect(sys.argv[1]); print('open', flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, store.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(WarehouseError, match=str(holder.pid)):
            store.records()
        holder.communicate()
    assert store.records() == []
