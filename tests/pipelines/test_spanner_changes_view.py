"""A god view of a table whose changes come of a change stream: it equals the table."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from kami.cli import main as kami
from tests.pipelines.spanner_runs import begun, ran
from tests.stack.spanner_databases import SpannerDatabase

TABLE = (
    "CREATE TABLE Accounts (Region STRING(9), Id INT64, Owner STRING(20), Cents INT64, "
    "Rate NUMERIC, Opened DATE, Closed BOOL, Tags ARRAY<STRING(9)>) PRIMARY KEY (Region, Id)"
)
COLUMNS = ("Region", "Id", "Owner", "Cents", "Rate", "Opened", "Closed", "Tags")


def test_kami_makes_the_table_again_of_a_change_stream(
    spanner_database: SpannerDatabase, tmp_path: Path
) -> None:
    spanner_database.ddl(TABLE)
    begun(spanner_database, tmp_path)
    for number in range(20):
        spanner_database.upsert(
            "Accounts",
            ["Region", "Id", "Owner", "Cents", "Tags"],
            [
                ["eu", number % 6, f"owner {number}", number, ["a", "b"]],
                ["us", number, None, 1, []],
            ],
        )
    spanner_database.execute(
        "UPDATE Accounts SET Rate = 0.25, Opened = DATE '2026-01-31' WHERE Id < 4",
        "UPDATE Accounts SET Closed = TRUE, Tags = NULL WHERE Id = 5",
        "DELETE FROM Accounts WHERE Region = 'us' AND Id > 10",
    )
    spanner_database.delete("Accounts", ["eu", 1], ["eu", 2])
    spanner_database.insert("Accounts", ["Region", "Id", "Owner"], [["eu", 2, "again"]])
    ran(spanner_database, tmp_path)
    config = tmp_path / "kami.yaml"
    config.write_text(
        "warehouse: duckdb:w.duckdb\nsources:\n"
        f"  - {{name: shop, type: spanner, url: '{spanner_database.url}'}}\n"
    )
    applied = CliRunner().invoke(kami, ["apply", "--config", str(config)])
    assert applied.exit_code == 0, applied.output
    asked = CliRunner().invoke(
        kami, ["query", "shop.Accounts", "--output", "json", "--config", str(config)]
    )
    assert asked.exit_code == 0, asked.output
    view = [json.loads(line) for line in asked.stdout.splitlines()]
    found = {
        (row["Region"], row["Id"]): (
            *(row[name] for name in COLUMNS[2:-1]),
            None if row["Tags"] is None else json.loads(row["Tags"]),
        )
        for row in view
    }
    table = {
        (region, number): (
            *(owner, cents, rate and f"{rate:.9f}", opened and str(opened), closed),
            tags,
        )
        for region, number, owner, cents, rate, opened, closed, tags in spanner_database.query(
            f"SELECT {', '.join(COLUMNS)} FROM Accounts"  # noqa: S608
        )
    }
    assert found == table
    assert len(table) == 16
