"""The warehouse file: tables, transactions, locks, and what is told when it cannot be written."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline_io.warehouse_errors import WarehouseError
from pipeline_io.warehouse_file import WarehouseFile
from pipeline_io.warehouse_file_log import WarehouseFileLog

COLUMNS = [
    ("id", "INT64"),
    ("after", "JSON"),
    ("at", "TIMESTAMP"),
    ("source", "STRUCT<`table` STRING, `row` INT64>"),
    ("missing", "ARRAY<STRING>"),
]
FIELDS: list[pa.Field[Any]] = [
    pa.field("id", pa.int64()),
    pa.field("after", pa.string()),
    pa.field("at", pa.timestamp("us", "UTC")),
    pa.field("source", pa.struct([("table", pa.string()), ("row", pa.int64())])),
    pa.field("missing", pa.list_(pa.string())),
]
ROWS = pa.RecordBatch.from_pylist(
    [
        {
            "id": number,
            "after": '{"a":1}',
            "at": 1_700_000_000_000_000,
            "source": {"table": "t", "row": number},
            "missing": ["x"],
        }
        for number in range(3)
    ],
    schema=pa.schema(FIELDS),
)
HOLD = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "a" / "warehouse.duckdb")


def count(path: str) -> int:
    file = WarehouseFile(path)
    found = file.query('SELECT COUNT(*) FROM "shop"."t_change_log"').column(0)[0].as_py()
    file.close()
    return int(found)


def test_rows_are_in_the_file_when_flush_returns_and_others_can_read_them(path: str) -> None:
    log = WarehouseFileLog(path, "shop")
    log.ensure_table("t_change_log", COLUMNS)
    log.append("t_change_log", ROWS)
    log.append("t_change_log", ROWS)
    log.flush()
    program = "import sys, duckdb; print(duckdb.connect(sys.argv[1]).sql(sys.argv[2]).fetchall())"
    query = 'SELECT id, "after", source."row", missing FROM shop.t_change_log ORDER BY id LIMIT 1'
    other = [sys.executable, "-c", program, path, query]
    found = subprocess.run(other, check=True, capture_output=True, text=True).stdout
    assert found.strip() == "[(0, '{\"a\":1}', 0, ['x'])]"
    assert count(path) == 6


def test_a_table_is_made_once_and_other_columns_are_refused(path: str) -> None:
    for _ in range(2):
        log = WarehouseFileLog(path, "shop")
        log.ensure_table("t_change_log", COLUMNS)
        log.flush()
    file = WarehouseFile(path)
    assert file.tables("shop") == ["t_change_log"]
    with pytest.raises(WarehouseError, match=r"shop\.t_change_log has the columns .* expected"):
        file.ensure_table("shop", "t_change_log", COLUMNS[:2])
    file.close()


def test_a_transaction_that_breaks_off_leaves_nothing(path: str) -> None:
    log = WarehouseFileLog(path, "shop")
    log.ensure_table("t_change_log", COLUMNS)
    log.ensure_table("u", [("id", "INT64")])
    log.flush()
    log.append("t_change_log", ROWS)
    log.append("u", pa.RecordBatch.from_pydict({"id": ["no number"]}))
    with pytest.raises(WarehouseError, match=r"writing to shop\.u"):
        log.flush()
    assert count(path) == 0


def test_rows_without_a_table_are_a_mistake(path: str) -> None:
    with pytest.raises(ValueError, match="call ensure_table"):
        WarehouseFileLog(path, "shop").append("t", ROWS)


def test_another_process_is_waited_for_and_then_named(path: str) -> None:
    WarehouseFile(path).open().close()
    command = [sys.executable, "-c", HOLD, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told: list[str] = []
        with pytest.raises(WarehouseError, match=f"in use by the process {holder.pid}"):
            WarehouseFile(path, lock_seconds=1.5, tell=told.append).open()
        assert told == [f"waiting for {path}, which the process {holder.pid} uses"]
        threading.Timer(0.5, holder.kill).start()
        waiting = WarehouseFile(path, lock_seconds=30)
        assert waiting.tables("shop") == []
        waiting.close()


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("hello" * 10_000)
    with pytest.raises(WarehouseError, match="it is another file: choose another --warehouse"):
        WarehouseFile(str(other)).open()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseError, match="choose a folder that can be written"):
        WarehouseFile(str(tmp_path / "file" / "w.duckdb")).open()


def test_a_full_disk_is_told_as_one() -> None:
    with pytest.raises(WarehouseError, match="the disk is full: make room"):
        WarehouseFile("/dev/full").open()
