"""The generated SQL itself: DDL in, BigQuery's SQL out. `make golden` rewrites what is expected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlglot

from kami.commands.generate import generated
from kami.duckdb_dialect import translated
from tests.kami.hand_made import configured

GOLDEN = Path(__file__).parent / "golden" / "views"
CASES = {
    "mysql_orders": (
        "mysql",
        "CREATE TABLE orders (id INT PRIMARY KEY, `order by` VARCHAR(9), total DECIMAL(10,2) "
        "DEFAULT 0.00, at DATETIME(6), big BIGINT UNSIGNED, flag TINYINT(1), doc JSON)",
        {"renamed": {"total": "amount"}},
    ),
    "postgresql_notes": (
        "postgresql",
        "CREATE TABLE app.notes (id UUID, part NUMERIC(5,2), body TEXT, tags TEXT[], "
        "at TIMESTAMPTZ, PRIMARY KEY (part, id))",
        {},
    ),
    "postgresql_lean": (
        "postgresql",
        "CREATE TABLE lean (id INT PRIMARY KEY, n INT DEFAULT 5)",
        {},
    ),
    "mysql_events": ("mysql", "CREATE TABLE events (a INT, b DATE)", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_sql_of_a_table_is_as_it_was(case: str) -> None:
    dialect, ddl, options = CASES[case]
    table = configured(ddl, dialect, **options)
    made = "\n".join(generated(table, options.get("renamed")).values())
    path = GOLDEN / f"{case}.sql"
    if os.environ.get("KAMIFLOW_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.sql")), ids=lambda path: path.stem)
def test_the_sql_is_bigquerys_and_has_a_translation(path: Path) -> None:
    statements = sqlglot.parse(path.read_text(encoding="utf-8"), read="bigquery")
    assert len([one for one in statements if one is not None]) in (2, 3)
    assert translated(path.read_text(encoding="utf-8"))
