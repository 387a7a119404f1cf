"""Snapshots of the tests' databases, and what is in the warehouse after them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kami.warehouse import open_warehouse
from pipelines import snapshot
from tests.stack.databases import Database


class Warehouse:
    """A warehouse file of one test, for the source `shop`."""

    def __init__(self, folder: Path) -> None:
        self.address = f"duckdb:{folder / 'warehouse.duckdb'}"

    def take(self, source: Database | str, *flags: str) -> int:
        """The exit code of a snapshot of the source."""
        address = source if isinstance(source, str) else source.url
        shared = ["--source_name=shop", f"--source={address}", f"--warehouse={self.address}"]
        return snapshot.main([*shared, *flags])

    def query(self, sql: str) -> list[dict[str, Any]]:
        with open_warehouse(self.address) as opened:
            return opened.query(sql).to_pylist()

    def run(self, sql: str) -> None:
        with open_warehouse(self.address) as opened:
            opened.run(sql)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of `shop.table`, by its key where it has one."""
        rows = self.query(f"SELECT * FROM `shop`.`{table}`")  # noqa: S608
        return sorted(rows, key=lambda row: str(row.get("_key", row.get("table_name"))))

    def states(self) -> dict[str, str]:
        """{table: the states of its snapshots}."""
        rows = self.query("SELECT table_name, state FROM `shop`.`_snapshots` ORDER BY state")
        found: dict[str, str] = {}
        for row in rows:
            found[row["table_name"]] = " ".join(
                [*found.get(row["table_name"], "").split(), row["state"]]
            )
        return found
