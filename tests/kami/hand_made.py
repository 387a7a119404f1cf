"""A source's table in a warehouse in memory, with a log and a snapshot that tests write by hand."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from kami.changes import planned
from kami.commands.apply import apply
from kami.config import Source, TableOptions
from kami.context import ConfiguredTable
from kami.ddl import read_ddl
from kami.errors import ConfigurationError
from kami.keys import key_text
from kami.snapshot_rows import typed_rows
from kami.tables import change_log_of, snapshot_of
from kami.views import newest_rows_sql
from kami.warehouse import table_sql
from kami.warehouse_duckdb import DuckDbWarehouse

TAKEN_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def order_key(place: int, phase: int = 1, incarnation: int = 1) -> str:
    """The order key of the event at a place of the source's log."""
    return f"{incarnation:04x}/{place:016x}/{0:016x}/{phase:08x}"


def configured(ddl: str, dialect: str = "mysql", **options: Any) -> ConfiguredTable:
    """The one table of the DDL, in the source `shop`."""
    source = Source(name="shop", type=dialect, ddl=Path("schema.sql"))
    (table,) = read_ddl(ddl, source.dialect, notice=lambda _: None)
    return ConfiguredTable(source, table, TableOptions(**options))


class HandMade:
    """The table's log, snapshot and god view in a warehouse of their own."""

    def __init__(self, ddl: str, dialect: str = "mysql", **options: Any) -> None:
        self.warehouse = DuckDbWarehouse(":memory:")
        self.table = configured(ddl, dialect, **options)
        self.notes: list[str] = []
        self.apply()
        self._offset = 0

    def apply(self, ddl: str | None = None, **options: Any) -> list[str]:
        """What `kami apply` did, after the source's DDL became another."""
        if ddl is not None:
            self.table = configured(ddl, self.table.source.type, **options)
        found = planned(self.warehouse, [self.table])
        for change in found.changes:
            apply(self.warehouse, change)
        self.notes = found.notes
        if found.refusals:
            raise ConfigurationError(found.refusals[0])
        return [f"{change.what} {change.name}" for change in found.changes]

    def log(
        self,
        op: str | None,
        place: int,
        after: Mapping[str, Any] | None = None,
        key: Mapping[str, Any] | None = None,
        *,
        phase: int = 1,
        **more: Any,
    ) -> None:
        """Appends an event; its key is taken from `after` where none is given."""
        if key is None and after is not None:
            key = {name: after[name] for name in self.table.key}
        self._offset += 1
        row = {
            "_key": None if key is None else key_text(key),
            "key": None if key is None else json.dumps(key),
            "after": None if after is None else json.dumps(after),
            "op": op,
            "_order_key": order_key(place, phase),
            "_offset": more.pop("offset", self._offset),
            **{
                name: json.dumps(value) if name in ("_old_key", "_new_key") else value
                for name, value in more.items()
            },
        }
        self.warehouse.append("shop", change_log_of(self.table.name), pa.Table.from_pylist([row]))

    def snapshot(self, place: int, *rows: Mapping[str, Any], deleted: bool = False) -> None:
        """Appends rows of a snapshot whose anchor is at a place."""
        batch = typed_rows(self.table.table, rows, order_key(place, 0), TAKEN_AT, self.table.key)
        found = pa.table(batch)
        if deleted:
            index = found.schema.get_field_index("_deleted")
            found = found.set_column(index, "_deleted", pa.array([True] * len(rows)))
        self.warehouse.append("shop", snapshot_of(self.table.name), found)

    def rows(self, *names: str) -> list[Any]:
        """The god view's rows by key: of one column its values, else tuples."""
        chosen = names or tuple(column.name for column in self.table.table.columns)
        view = table_sql("shop", self.table.name)
        found = self.warehouse.query(f"SELECT * FROM {view}").to_pylist()  # noqa: S608
        found.sort(key=lambda row: str([row[name] for name in self.table.key]))
        return [
            row[chosen[0]] if len(chosen) == 1 else tuple(row[name] for name in chosen)
            for row in found
        ]

    def newest(self, **options: Any) -> list[dict[str, Any]]:
        """The rows of newest_rows_sql, by key."""
        sql = newest_rows_sql(self.table, **options)
        found: list[dict[str, Any]] = self.warehouse.query(sql).to_pylist()
        return sorted(found, key=lambda row: str(row.get("_key")))

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.warehouse.append("shop", table, pa.Table.from_pylist([dict(row) for row in rows]))
