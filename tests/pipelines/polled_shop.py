"""A SQLite database that is polled into a warehouse file, for tests."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import duckdb

from pipelines import audit_columns

OLD_MS = 3_600_000
"""How long ago the rows were written: longer than a poll stays behind SQLite's clock."""


class PolledShop:
    """Table items(id, word, updated_at in milliseconds); `poll()` writes to shop.* of a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "w.duckdb"
        self.connection = sqlite3.connect(folder / "shop.db", isolation_level=None)
        self.execute(
            "CREATE TABLE items (id INTEGER PRIMARY KEY, word TEXT, updated_at INTEGER NOT NULL)"
        )
        self.execute("CREATE INDEX items_by_time ON items (updated_at, id)")
        (folder / "tables.yaml").write_text("tables:\n  items: {updated_unit: ms}\n")
        self.now_ms = int(time.time() * 1000) - OLD_MS

    def execute(self, statement: str, *values: object) -> None:
        self.connection.execute(statement, values)

    def put(self, number: int, word: str | None, *, at_ms: int | None = None) -> None:
        """Makes or replaces a row, a millisecond after the one before."""
        self.now_ms += 1
        at = self.now_ms if at_ms is None else at_ms
        self.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", number, word, at)

    def delete(self, number: int) -> None:
        self.execute("DELETE FROM items WHERE id = ?", number)

    def arguments(self, *more: str) -> list[str]:
        """A command line; a flag in `more` takes the place of the usual one."""
        usual = {
            "source_name": "shop",
            "database": f"sqlite:///{self.folder / 'shop.db'}",
            "state": f"sqlite:///{self.folder / 'state.db'}",
            "config": str(self.folder / "tables.yaml"),
            "output": f"duckdb:{self.file}",
            "output_dir": str(self.folder / "out"),
            "sweep_every": "0.000001",
            "readers": "1",
        }
        given = {text.split("=")[0] for text in more}
        return [
            *(f"--{name}={value}" for name, value in usual.items() if f"--{name}" not in given),
            *(text for text in more if not text.endswith("=NONE")),
        ]

    def poll(self, *more: str) -> int:
        return audit_columns.main(self.arguments(*more))

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "out" / "summary.json").read_text())
        return found

    def log(self) -> list[tuple[Any, ...]]:
        """(op, id, word, order key, event id), in the order of the log."""
        return self.query(
            "SELECT op, CAST(key->>'id' AS INT), after->>'word', _order_key, _event_id "
            "FROM shop.items_change_log ORDER BY _topic_partition, _offset"
        )

    def changes(self) -> list[tuple[Any, ...]]:
        """(op, id, word), in the order of the log."""
        return [row[:3] for row in self.log()]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.execute(sql).fetchall()
