"""The god view of polled tables is the database, whatever happens to its rows."""

from __future__ import annotations

import json
import random
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.live.polled_database import PASSWORD, PolledDatabase
from tests.stack.databases import Database

COLUMNS = "region, id, word, price, made, doc"
TABLES = {
    "postgres_database": "CREATE TABLE items (region TEXT, id INT, word TEXT, "
    "price NUMERIC(10, 2), made DATE, doc JSONB, updated_at TIMESTAMPTZ NOT NULL DEFAULT now(), "
    "PRIMARY KEY (region, id))",
    "mysql_database": "CREATE TABLE items (region VARCHAR(9), id INT, word TEXT, "
    "price DECIMAL(10, 2), made DATE, doc JSON, updated_at TIMESTAMP(6) NOT NULL "
    "DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), PRIMARY KEY (region, id))",
}
TOUCHED = {
    "postgres_database": [
        "CREATE FUNCTION touched() RETURNS TRIGGER LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$",
        "CREATE TRIGGER items_touched BEFORE UPDATE ON items "
        "FOR EACH ROW EXECUTE FUNCTION touched()",
    ],
    "mysql_database": [],
}
STEPS_A_ROUND, ROUNDS = 60, 2
KEYS = 25
"""So few that keys are used again and again."""


class Workload:
    """Random statements, some in a transaction that stays open while others commit and polls run.

    Rows that it locks are left alone by the others.
    """

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.random = random.Random(seed)

    def statement(self, numbers: range) -> tuple[str, tuple[Any, ...]]:
        pick = self.random
        region, number = pick.choice(["eu", "ü s"]), pick.choice(numbers)
        word = pick.choice(["a", "Ω 'x'", "", None, "long " * 50])
        price = pick.choice(["0.00", "-99999999.99", "12.50", None])
        made = pick.choice(["2024-02-29", "1969-12-31", None])
        doc = pick.choice(['{"a": [1, null]}', "[]", None])
        match pick.choice(["put", "put", "update", "delete"]):
            case "update":
                return (
                    "UPDATE items SET word = %s, price = %s WHERE region = %s AND id = %s",
                    (word, price, region, number),
                )
            case "delete":
                return "DELETE FROM items WHERE region = %s AND id = %s", (region, number)
        values = (region, number, word, price, made, doc)
        insert = f"INSERT INTO items ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s) "  # noqa: S608
        if "mysql" in self.database.url:
            return insert + "ON DUPLICATE KEY UPDATE word = VALUES(word)", values
        return insert + "ON CONFLICT (region, id) DO UPDATE SET word = EXCLUDED.word", values

    def run(self, steps: int, numbers: range, connection: Any = None) -> None:
        for _ in range(steps):
            statement, values = self.statement(numbers)
            if connection is not None:
                connection.exec_driver_sql(statement, values)
                continue
            with self.database.transaction() as own:
                own.exec_driver_sql(statement, values)


@pytest.fixture(params=list(TABLES))
def polled(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> PolledDatabase:
    database: Database = request.getfixturevalue(request.param)
    database.execute(
        TABLES[request.param],
        *TOUCHED[request.param],
        "CREATE INDEX items_by_time ON items (updated_at, region, id)",
    )
    found = PolledDatabase(database, tmp_path)
    monkeypatch.setenv(PASSWORD, found.environment()[PASSWORD])
    return found


def _view(polled: PolledDatabase) -> list[dict[str, Any]]:
    found = polled.kami("--output", "json", "query", "shop.items", "--limit", "1000")
    assert found.exit_code == 0, found.output
    return _sorted([json.loads(line) for line in found.stdout.splitlines()])


def _source(polled: PolledDatabase) -> list[dict[str, Any]]:
    rows = polled.database.query(f"SELECT {COLUMNS} FROM items")  # noqa: S608
    return _sorted([dict(zip(COLUMNS.split(", "), row, strict=True)) for row in rows])


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows by key, each value in one form, whoever has read it."""
    found = [{name: row[name] for name in COLUMNS.split(", ")} for row in rows]
    for row in found:
        row["doc"] = json.loads(row["doc"]) if isinstance(row["doc"], str) else row["doc"]
        row["price"] = None if row["price"] is None else f"{Decimal(row['price']):.2f}"
        row["made"] = None if row["made"] is None else str(row["made"])
    return sorted(found, key=lambda row: (row["region"], row["id"]))


def test_the_god_view_has_the_rows_of_the_database(polled: PolledDatabase) -> None:
    workload = Workload(polled.database, 7)
    always = ("--sweep_every=0.000001",)
    workload.run(STEPS_A_ROUND, range(KEYS))
    # The newest second is left to the next poll, and only the first one tells of rows that were
    # there before.
    time.sleep(2)
    assert polled.poll(*always) == 0
    for _ in range(ROUNDS):
        with polled.database.transaction() as late:
            if polled.is_mysql:
                # No locks on the gaps between keys, which the others would wait for.
                late.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            workload.run(STEPS_A_ROUND // 4, range(KEYS, 2 * KEYS), late)
            workload.run(STEPS_A_ROUND, range(KEYS))
            # Sweeps find what has changed below the bound; the open transaction's rows wait.
            assert polled.poll(*always) == 0
        workload.run(STEPS_A_ROUND // 4, range(2 * KEYS))
        assert polled.poll(*always) == 0
    applied = polled.kami("apply")
    assert applied.exit_code == 0, applied.output
    expected = _source(polled)
    polled.poll_until(lambda: _view(polled) == expected, *always)
    ops = {op for (op,) in polled.query("SELECT DISTINCT op FROM shop.items_change_log")}
    assert ops == {"r", "c", "u", "d"}
    same = polled.kami("reconcile", "--wait-seconds", "0")
    assert same.exit_code == 0, same.output
    polled.database.execute("DELETE FROM items WHERE id < 9")
    other = polled.kami("reconcile", "--wait-seconds", "0")
    assert other.exit_code == 1, other.output
    assert "rows differ" in other.output
