"""The commands, from the command line to the warehouse file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from kami.cli import main
from kami.keys import key_text
from kami.warehouse_duckdb import DuckDbWarehouse
from tests.kami.hand_made import order_key

SCHEMA = """
CREATE TABLE orders (
  id INT PRIMARY KEY, total DECIMAL(10,2), at DATETIME(6), seen TIMESTAMP(6), raw VARBINARY(9),
  flag BIT(1), doc JSON, took TIME, note VARCHAR(20)
);
CREATE TABLE accounts (id INT PRIMARY KEY);
CREATE TABLE loose (a INT);
"""
ROW = {
    "id": 1,
    "total": "12.50",
    "at": "2026-01-01T03:21:02",
    "seen": "2026-01-01T03:46:00.123456Z",
    "raw": "3q2+7w==",
    "flag": True,
    "doc": '{"a":  1}',
    "took": "-01:02:03.5",
    "note": None,
}

JSON = ("--output", "json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "schema.sql").write_text(SCHEMA, encoding="utf-8")
    (tmp_path / "kami.yaml").write_text(
        "warehouse: duckdb:w.duckdb\n"
        "sources:\n"
        "  - {name: shop, type: mysql, ddl: schema.sql, tables: ['*'], exclude: [loose]}\n",
        encoding="utf-8",
    )
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(folder / "kami.yaml")])


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def write_log(folder: Path, row: dict[str, Any], place: int) -> None:
    import pyarrow as pa

    with DuckDbWarehouse(str(folder / "w.duckdb")) as warehouse:
        change = {
            "_key": key_text({"id": row["id"]}),
            "key": json.dumps({"id": row["id"]}),
            "after": json.dumps(row),
            "op": "c",
            "_order_key": order_key(place),
            "_offset": place,
        }
        warehouse.append("shop", "orders_change_log", pa.Table.from_pylist([change]))


def test_apply_makes_what_is_missing_and_then_nothing(folder: Path) -> None:
    made = lines(run(folder, "apply", "--output", "json"))
    names = {row["name"] for row in made}
    assert {"shop", "shop.orders", "shop.orders_change_log", "shop.orders_snapshot"} <= names
    assert {"shop._snapshots", "shop._incarnations", "shop._schema_changes_change_log"} <= names
    again = run(folder, "apply", "--output", "json")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "nothing differs" in again.stderr


def test_plan_says_what_apply_would_do_and_does_nothing(folder: Path) -> None:
    planned = lines(run(folder, "plan", "--output", "json"))
    assert not (folder / "w.duckdb").exists()
    applied = lines(run(folder, "apply", "--output", "json"))
    assert [(row["change"], row["name"]) for row in planned] == [
        (row["change"], row["name"]) for row in applied
    ]
    assert all(row["bytes"] is None for row in planned)


def test_plan_shows_the_difference_of_a_view(folder: Path) -> None:
    run(folder, "apply")
    changed = SCHEMA.replace("note VARCHAR(20)", "note VARCHAR(20), more INT")
    (folder / "schema.sql").write_text(changed, encoding="utf-8")
    shown = run(folder, "plan")
    assert "add columns" in shown.stdout
    assert "+  IF(merged._kami_from_log, SAFE_CAST(JSON_VALUE(" in shown.stdout
    assert "accounts" not in shown.stdout


def test_plan_counts_the_bytes_of_a_duckdb_file_when_it_is_asked_to(folder: Path) -> None:
    """Of a view that cannot be read yet, since its tables are missing, nothing is known."""
    assert all(row["bytes"] is None for row in lines(run(folder, "plan", "--bytes", *JSON)))
    run(folder, "apply")
    write_log(folder, ROW, 1)
    with DuckDbWarehouse(str(folder / "w.duckdb")) as warehouse:
        warehouse.run("CREATE OR REPLACE VIEW `shop`.`orders` AS SELECT 1 AS `id`")
        warehouse.run("CREATE OR REPLACE VIEW `shop`.`accounts` AS SELECT 1 AS `id`")
    unasked = lines(run(folder, "plan", *JSON))
    assert [row["bytes"] for row in unasked] == [None, None]
    found = {row["name"]: row for row in lines(run(folder, "plan", "--bytes", *JSON))}
    assert found["shop.accounts"]["bytes"] == 0
    assert found["shop.orders"]["bytes"] > len(json.dumps(ROW))
    assert found["shop.orders"]["price_usd"] is not None


def test_query_prints_exact_values(folder: Path) -> None:
    run(folder, "apply")
    write_log(folder, ROW, 1)
    (row,) = lines(run(folder, "query", "shop.orders", "--output", "json"))
    expected = {**ROW, "seen": "2026-01-01T03:46:00.123456+00:00"}
    assert row == expected
    assert list(row) == list(ROW)


def test_rows_come_in_the_order_of_the_key_and_may_be_limited(folder: Path) -> None:
    run(folder, "apply")
    for key in (10, 9, 2):
        write_log(folder, {**ROW, "id": key}, key)
    found = lines(run(folder, "query", "orders", "--output", "json", "--limit", "2"))
    assert [row["id"] for row in found] == [2, 9]
    assert "12.50" in run(folder, "query", "orders").stdout


def test_apply_moves_json_rows_into_the_snapshot(folder: Path) -> None:
    run(folder, "apply")
    with DuckDbWarehouse(str(folder / "w.duckdb")) as warehouse:
        warehouse.run(
            "INSERT INTO `shop`.`_snapshot_rows` VALUES "  # noqa: S608
            f"('orders', PARSE_JSON('{json.dumps({**ROW, 'doc': None})}'), '{order_key(5, 0)}', "
            "TIMESTAMP '2026-01-01 00:00:00+00')"
        )
    moved = lines(run(folder, "apply", "--output", "json"))
    assert moved == [{"change": "move rows", "name": "shop.orders_snapshot"}]
    (row,) = lines(run(folder, "query", "shop.orders", "--output", "json"))
    assert (row["total"], row["took"]) == ("12.50", "-01:02:03.5")
    assert lines(run(folder, "apply", "--output", "json")) == []
    status = lines(run(folder, "status", "--output", "json"))
    assert [(row["table"], row["snapshot_rows"]) for row in status] == [
        ("shop.accounts", 0),
        ("shop.orders", 1),
    ]


def test_generate_writes_files_and_leaves_those_that_are_the_same(folder: Path) -> None:
    to = str(folder / "sql")
    made = lines(run(folder, "generate", "--to", to, "--output", "json"))
    assert {row["change"] for row in made} == {"new"}
    assert (folder / "sql/shop/orders.sql").read_text(encoding="utf-8").startswith("-- generated")
    again = run(folder, "generate", "--to", to, "--output", "json")
    assert {row["change"] for row in lines(again)} == {"same"}
    assert "shop.orders: took: text, since it may be below zero" in again.stderr


def test_one_table_may_be_named_and_an_unknown_one_is_told(folder: Path) -> None:
    made = lines(run(folder, "apply", "shop.acc*", "--output", "json"))
    assert "shop.accounts" in {row["name"] for row in made}
    assert "shop.orders" not in {row["name"] for row in made}
    unknown = run(folder, "apply", "shop.oders")
    assert unknown.exit_code == 2
    assert "'shop.oders' is no table" in unknown.stderr
    assert "shop.accounts, shop.orders" in unknown.stderr


def test_a_view_that_is_not_there_yet_is_told(folder: Path) -> None:
    run(folder, "apply", "accounts")
    missing = run(folder, "query", "orders")
    assert missing.exit_code == 2
    assert "run kami apply" in missing.stderr


def test_a_warehouse_that_is_not_there_is_told(folder: Path) -> None:
    missing = run(folder, "status")
    assert missing.exit_code == 3
    assert "there is no warehouse file" in missing.stderr


def test_a_refused_table_does_not_stop_the_others(folder: Path) -> None:
    (folder / "schema.sql").write_text(
        "CREATE TABLE orders (id INT PRIMARY KEY, _key INT); CREATE TABLE accounts (id INT PRIMARY "
        "KEY); CREATE TABLE loose (a INT);",
        encoding="utf-8",
    )
    result = run(folder, "apply", "--output", "json")
    assert result.exit_code == 2
    assert "'_key'" in result.stderr
    assert '"shop.accounts"' in result.stdout


def test_a_file_that_another_process_holds_is_waited_for_and_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_: object, **__: object) -> None:
        message = "Could not set lock on file: Conflicting lock is held in python (PID 42)"
        raise duckdb.IOException(message)

    monkeypatch.setattr(duckdb, "connect", held)
    monkeypatch.setattr("kami.warehouse_duckdb.time.sleep", lambda _: None)
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr("kami.warehouse_duckdb.time.monotonic", lambda: float(next(clock)))
    result = run(folder, "apply")
    assert result.exit_code == 3
    assert "waiting for" in result.stderr
    assert "PID 42" in result.stderr


def test_options_may_stand_before_the_command_too(folder: Path) -> None:
    result = CliRunner().invoke(
        main, ["--config", str(folder / "kami.yaml"), "--output", "json", "apply"]
    )
    assert lines(result)


@pytest.mark.parametrize("name", sorted(main.list_commands(None)))  # type: ignore[arg-type]
def test_every_command_has_help_and_the_shared_options(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"])
    assert shown.exit_code == 0
    assert "--config" in shown.stdout
    assert "--output" in shown.stdout
    command = main.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert command.help


def test_the_help_tells_the_exit_codes() -> None:
    assert "Exit codes: 0 done; 1 differences" in CliRunner().invoke(main, ["--help"]).stdout
