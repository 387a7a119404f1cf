"""Snapshots from a JSON file."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines import snapshot
from tests.pipelines.snapshot_runs import Warehouse

SERVER = "aaaaaaaa-0000-0000-0000-000000000001"
KEY = f"0001/{9:016x}/{'f' * 16}/{'f' * 8}"
ROWS = [
    {"id": 1, "price": "12.50", "big": "1.5", "at": "2026-01-01T03:21:02.5", "raw": "AP8="},
    {"id": -5, "price": None, "big": "-0.00001", "at": None, "raw": ""},
]
DDL = (
    "CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, price DECIMAL(10,2), big DECIMAL(60,5), "
    "at DATETIME(6), raw VARBINARY(10));"
)


class Files:
    """A warehouse, and files beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = Warehouse(folder)

    def write(self, name: str, content: object) -> str:
        path = self.folder / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def take(self, tables: object, anchor: object, *flags: str) -> int:
        rows, place = self.write("rows.json", tables), self.write("anchor.json", anchor)
        return self.warehouse.take(f"json:{rows}", f"--anchor={place}", *flags)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_rows_without_types_wait_as_json(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    tables = {"db.items": ROWS, "empty": []}
    assert files.take(tables, {"gtid_executed": f"{SERVER}:1-9"}) == 0
    found = files.warehouse.query("SELECT * FROM `shop`.`_snapshot_rows`")
    assert [(row["table_name"], row["order_key"]) for row in found] == [("items", KEY)] * 2
    assert [json.loads(row["row"]) for row in found] == ROWS
    empty, items = files.warehouse.rows("_snapshots")
    assert (empty["row_count"], items["row_count"]) == (0, 2)
    assert (items["order_key"], items["state"], items["xmax"]) == (KEY, "done", None)
    assert items["taken_at"] == found[0]["taken_at"]
    assert "kami apply" in capsys.readouterr().err


def test_without_a_name_the_only_source_of_the_warehouse_file_is_meant(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = files.write("items.json", {"items": ROWS})
    anchor = files.write("anchor.json", {"gtid_executed": f"{SERVER}:1-9"})
    flags = [f"--source=json:{rows}", f"--anchor={anchor}"]
    flags.append(f"--warehouse={files.warehouse.address}")
    assert snapshot.main(flags) == 2
    assert "--source_name is missing" in capsys.readouterr().err
    assert files.take({"other": ROWS}, {"gtid_executed": f"{SERVER}:1-9"}) == 0
    assert snapshot.main(flags) == 0
    names = {row["table_name"] for row in files.warehouse.rows("_snapshot_rows")}
    assert names == {"items", "other"}


def test_a_snapshot_that_is_taken_again_replaces_the_first(files: Files) -> None:
    anchor = {"gtid_executed": f"{SERVER}:1-9"}
    assert files.take({"items": ROWS, "other": ROWS}, anchor) == 0
    assert files.take({"items": ROWS[:1]}, {"gtid_executed": f"{SERVER}:1-10"}) == 0
    names = [row["table_name"] for row in files.warehouse.rows("_snapshot_rows")]
    assert names == ["items", "other", "other"]
    assert [row["row_count"] for row in files.warehouse.rows("_snapshots")] == [1, 2]
    (incarnation,) = files.warehouse.rows("_incarnations")
    assert incarnation["identity"] == SERVER


@pytest.mark.parametrize("by", ["ddl", "config"])
def test_rows_whose_types_are_known_are_typed(files: Files, by: str) -> None:
    ddl = files.write("schema.sql", DDL)
    flags = [f"--ddl={ddl}", "--type=mysql"]
    if by == "config":
        text = (
            f"warehouse: {files.warehouse.address}\nsources:\n"
            "  - {name: shop, type: mysql, ddl: schema.sql}\n"
        )
        flags = [f"--config={files.write('kami.yaml', text)}"]
    anchor = {"gtid_executed": f"{SERVER}:1-9"}
    assert files.take({"items": ROWS}, anchor) == 0
    assert files.take({"items": ROWS}, anchor, *flags) == 0
    first, second = files.warehouse.rows("items_snapshot")
    assert (first["_key"], second["_key"]) == ('["-5"]', '["1"]')
    assert (second["_order_key"], second["_deleted"]) == (KEY, False)
    assert second["price"] == Decimal("12.50")
    assert Decimal(second["big"]) == Decimal("1.5")
    assert second["at"] == datetime.datetime(2026, 1, 1, 3, 21, 2, 500_000)  # noqa: DTZ001
    assert (second["raw"], first["raw"], first["price"]) == (b"\0\xff", b"", None)
    assert files.warehouse.rows("_snapshot_rows") == []


def test_schemas_of_postgresql_are_part_of_the_name(files: Files) -> None:
    tables = {"public.items": ROWS, "sales.items": []}
    anchor = {"lsn": "0/10", "xmax": 7, "in_progress": [5]}
    assert files.take(tables, anchor) == 0
    items, sales = files.warehouse.rows("_snapshots")
    assert (items["table_name"], sales["table_name"]) == ("items", "sales_items")
    assert (items["xmax"], items["in_progress"]) == (7, [5])
    assert items["order_key"] == f"0000/{16:016x}/{0:016x}/{0:08x}"


def test_a_log_that_begins_behind_the_anchor_is_told(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    anchor = {"lsn": 16, "xmax": 7}
    assert files.take({"items": ROWS}, anchor) == 0
    assert "warning" not in capsys.readouterr().err
    table = "`shop`.`items_change_log`"
    for major, warns in ((17, True), (15, False)):
        key = f"0000/{major:016x}/{0:016x}/{1:08x}"
        files.warehouse.run(f"CREATE OR REPLACE TABLE {table} AS SELECT '{key}' AS `_order_key`")
        assert files.take({"items": ROWS}, anchor) == 0
        told = capsys.readouterr().err
        assert ("take the snapshot again" in told) is warns


@pytest.mark.parametrize(
    ("tables", "anchor", "flags", "code", "said"),
    [
        ({"a.items": [], "b.items": []}, {"file": "b.1", "pos": 4}, [], 1, "both 'items'"),
        ({"a.x": [], "b.y": []}, {"file": "b.1", "pos": 4}, [], 1, "2 databases (a, b)"),
        ({"items": {}}, {"lsn": 1}, [], 1, "table 'items' is a dict"),
        ({"items": [5]}, {"lsn": 1}, [], 1, "row 0 of table 'items' is 5"),
        ([], {"lsn": 1}, [], 1, "holds a list"),
        ("{", {"lsn": 1}, [], 1, "expected a JSON file"),
        ('{"items": [{"id": NaN}]}', {"lsn": 1}, [], 1, "NaN is no JSON"),
        ({"items": []}, {"gtid": 1}, [], 2, "'gtid', which no anchor has"),
        ({"items": []}, "{", [], 2, "anchor.json is no JSON"),
        ({"items": []}, {"lsn": 1}, ["--tables=itens"], 2, "--tables=itens"),
        ({"items": []}, {"lsn": 1}, ["--ddl=x"], 2, "--ddl needs --type"),
        ({"items": []}, {"lsn": 1}, ["--type=oracle", "--ddl=x"], 2, "--type=oracle"),
        ({"items": []}, {"lsn": 1}, ["--range_rows=0"], 2, "--range_rows=0"),
        ({"items": []}, {"lsn": 1}, ["--source_name=a-b"], 2, "--source_name=a-b"),
        ({"items": []}, {"lsn": 1}, ["--warehouse=file.db"], 2, "duckdb:FILE"),
    ],
)
def test_what_is_no_snapshot_is_refused(
    files: Files,
    capsys: pytest.CaptureFixture[str],
    tables: object,
    anchor: object,
    flags: list[str],
    code: int,
    said: str,
) -> None:
    assert files.take(tables, anchor, *flags) == code
    assert said in capsys.readouterr().err


def test_json_without_an_anchor_is_refused(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files.warehouse.take("json:rows.json") == 2
    assert "needs --anchor=FILE" in capsys.readouterr().err


def test_a_table_without_types_is_refused_before_anything_is_written(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    ddl = files.write("schema.sql", DDL)
    tables = {"items": ROWS, "other": []}
    assert files.take(tables, {"file": "b.1", "pos": 4}, f"--ddl={ddl}", "--type=mysql") == 1
    assert "'other', whose types are not known" in capsys.readouterr().err
    assert files.warehouse.rows("_snapshots") == []
