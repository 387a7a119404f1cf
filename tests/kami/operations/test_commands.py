"""The commands of operations, from the command line to the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kami.cli import main
from tests.kami.operations.shop import Event, Shop

DDL = """CREATE TABLE shop.orders (
  id bigint NOT NULL PRIMARY KEY, price decimal(10,2), note varchar(200)
);"""
ROWS: list[dict[str, object]] = [
    {"id": 1, "price": "12.50", "note": "a"},
    {"id": 2, "price": None, "note": ""},
]


@pytest.fixture
def folder(shop: Shop, tmp_path: Path) -> Path:
    (tmp_path / "schema.sql").write_text(DDL)
    (tmp_path / "kami.yaml").write_text(
        "warehouse: duckdb:warehouse.duckdb\n"
        "sources:\n  - name: shop\n    type: mysql\n    ddl: schema.sql\n    tables: [orders]\n"
    )
    shop.deliver([Event(10 * (n + 1), "c", n + 1, row) for n, row in enumerate(ROWS)])
    shop.warehouse.close()
    return tmp_path


def kami(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        main, ["--config", str(folder / "kami.yaml"), "--output", "json", *arguments]
    )


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_reconcile_names_what_differs_from_a_file_and_exits_with_1(folder: Path) -> None:
    final = folder / "final.json"
    final.write_text(json.dumps({"orders": ROWS}))
    same = kami(folder, "reconcile", "--against", str(final))
    assert (same.exit_code, rows(same)[0]["equal"]) == (0, True)

    final.write_text(json.dumps({"orders": [{**ROWS[0], "note": "A"}, {**ROWS[1], "id": 3}]}))
    other = kami(folder, "reconcile", "--against", str(final))
    assert other.exit_code == 1
    assert "kami: 3 rows differ in 1 of 1 tables: shop.orders" in other.stderr
    found = {(one["kind"], one["key"]["id"]): one for one in rows(other)[0]["differences"]}
    assert set(found) == {("changed", "1"), ("missing", "3"), ("added", "2")}
    assert found["changed", "1"]["columns"] == {"note": {"database": "A", "god_view": "a"}}


def test_reconcile_without_an_address_says_what_to_do(folder: Path) -> None:
    result = kami(folder, "reconcile")
    assert result.exit_code == 2
    assert "has `ddl` and no `url`" in result.stderr


def test_compact_history_materialise_and_check_work_together(folder: Path) -> None:
    compacted = rows(kami(folder, "compact", "--keep-hours", "0"))
    assert [(row["state"], row["archived_rows"]) for row in compacted] == [("done", 2)]
    assert rows(kami(folder, "materialise"))[0]["how"] == "full"
    assert rows(kami(folder, "materialise"))[0]["how"] == "unchanged"
    history = rows(kami(folder, "history", "shop.orders"))
    assert [(row["id"], row["_op"], row["price"]) for row in history] == [
        (1, "c", "12.50"),
        (2, "c", None),
    ]
    earlier = kami(folder, "history", "orders", "--as-of", "2026-01-01T00:00:10Z")
    assert rows(earlier) == [ROWS[0]]
    assert kami(folder, "check").exit_code == 0


def test_check_fails_for_an_old_table(folder: Path) -> None:
    result = kami(folder, "check", "--fresh-within-minutes", "1")
    assert result.exit_code == 1
    assert "kami: 1 of " in result.stderr
    failed = [row for row in rows(result) if row["status"] == "failed"]
    assert [row["check"] for row in failed] == ["freshness"]


def test_incarnations_are_counted_by_hand(folder: Path) -> None:
    first = rows(kami(folder, "incarnation", "add", "shop", "--logical-name", "core"))
    second = rows(kami(folder, "incarnation", "add", "shop"))
    assert [(row["source"], row["ordinal"]) for row in (*first, *second)] == [
        ("core", 1),
        ("core", 2),
    ]
    listed = rows(kami(folder, "incarnation", "list"))
    assert [row["ordinal"] for row in listed] == [1, 2]
    unknown = kami(folder, "incarnation", "add", "other")
    assert unknown.exit_code == 2
    assert "'other' is no source" in unknown.stderr
