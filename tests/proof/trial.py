"""Plays histories into a warehouse and asks it for the table.

The warehouse is kami's own, on a DuckDB database in memory, with the view that kami generates. One
warehouse serves all histories of a flavour: its tables are emptied between them.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import pyarrow as pa

from kami import tables
from kami.compaction import Compactor
from kami.config import Source, TableOptions
from kami.context import ConfiguredTable
from kami.keys import key_text
from kami.schema import SourceColumn, SourceTable
from kami.snapshot_columns import snapshot_changes
from kami.statements import create_table, snapshot_columns
from kami.views import god_view_sql
from kami.warehouse import open_warehouse, table_sql
from tests.proof.forgetting import forgotten_at_once, lowest_to_come
from tests.proof.history import Compacted, History
from tests.proof.log_table import LogRow, log_rows, log_table
from tests.proof.one_translation import said_once
from tests.proof.ordering import Appended, Effect, SnapshotWritten
from tests.proof.source_log import Flavour
from tests.proof.source_rows import COLUMNS, DEFAULT_OF_EXTRA, Row

DATASET, TABLE = "shop", "items"
_TAKEN_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
_NOW = datetime.datetime(2026, 1, 3, tzinfo=datetime.timezone.utc)
_BETWEEN_COMPACTIONS = datetime.timedelta(hours=1)
_NEVER = datetime.timedelta(days=10_000)

_SNAPSHOT_TYPES: list[tuple[str, pa.DataType]] = [
    ("_key", pa.string()),
    ("_order_key", pa.string()),
    ("_deleted", pa.bool_()),
    ("_snapshot_at", pa.timestamp("us", "UTC")),
    ("id", pa.int64()),
    ("code", pa.string()),
    ("amount", pa.decimal128(12, 2)),
    ("note", pa.string()),
    ("extra", pa.int64()),
]


def configured_table(flavour: Flavour) -> ConfiguredTable:
    """The table as kami knows it of the source's information schema."""
    dialect = "postgresql" if flavour == "postgresql" else "mysql"
    number = "integer" if flavour == "postgresql" else "int"
    columns = (
        SourceColumn("id", number, nullable=False),
        SourceColumn("code", "text", nullable=False),
        SourceColumn("amount", "numeric(12,2)" if dialect == "postgresql" else "decimal(12,2)"),
        SourceColumn("note", "text"),
        SourceColumn("extra", number, default=str(DEFAULT_OF_EXTRA)),
    )
    schema = "public" if flavour == "postgresql" else "shop"
    table = SourceTable(
        schema, TABLE, columns, ("id", "code"), "postgresql" if dialect == "postgresql" else "mysql"
    )
    return ConfiguredTable(Source(DATASET, dialect, tables=(TABLE,)), table, TableOptions())


class Trial:
    """A warehouse with the tables of one source.

    Args:
        view_sql: changes the SQL of the view before it is created, for a mutation.
        rows: changes a history's log rows, for a mutation.
        keeps_deleted: False drops the deleted rows that a compaction keeps, for a mutation.
        forgets_early: deleted rows are forgotten though older changes are to come, for a mutation.
    """

    def __init__(
        self,
        flavour: Flavour,
        *,
        view_sql: Callable[[str], str] = lambda sql: sql,
        rows: Callable[[list[LogRow]], list[LogRow]] = lambda rows: rows,
        keeps_deleted: bool = True,
        forgets_early: bool = False,
    ) -> None:
        self._flavour = flavour
        self._forgets_early = forgets_early
        self._compactions = 0
        self._keeps_deleted = keeps_deleted
        self._rows = rows
        self._table = configured_table(flavour)
        self._warehouse = open_warehouse("duckdb::memory:")
        self._written: set[str] = set()
        # Tables of a few rows: threads would only wait for each other.
        self._warehouse.run("SET threads = 1")
        self._warehouse.run(f"CREATE SCHEMA {DATASET}")
        for name, columns in self._columns().items():
            self._warehouse.run(create_table(DATASET, name, columns))
        self._warehouse.create_view(DATASET, TABLE, view_sql(god_view_sql(self._table)))
        names = ", ".join(f"`{name}`" for name in COLUMNS)
        self._question = f"SELECT {names} FROM {table_sql(DATASET, TABLE)}"  # noqa: S608

    def rows(self, history: History, effects: Sequence[Effect]) -> list[Row]:
        """The rows of the view when everything has arrived."""
        self._empty()
        waiting: list[Appended] = []
        for effect, lowest in zip(effects, lowest_to_come(effects), strict=True):
            if isinstance(effect, Appended):
                waiting.append(effect)
                continue
            self._append(history, waiting)
            waiting = []
            if isinstance(effect, SnapshotWritten):
                self._write_snapshot(effect)
            else:
                self._compact(effect, lowest)
        self._append(history, waiting)
        found = self._warehouse.query(self._question)
        return [Row(*values) for values in zip(*found.to_pydict().values(), strict=True)]

    def _columns(self) -> dict[str, Sequence[tables.Column]]:
        return {
            tables.change_log_of(TABLE): tables.change_log_columns(self._table.source_columns),
            tables.snapshot_of(TABLE): snapshot_columns(self._table),
            **tables.BOOKKEEPING,
        }

    def _empty(self) -> None:
        for name in self._written:
            self._warehouse.run(f"DELETE FROM {table_sql(DATASET, name)} WHERE TRUE")  # noqa: S608
        self._written = set()
        self._compactions = 0

    def _compact(self, step: Compacted, lowest_to_come: str) -> None:
        log = table_sql(DATASET, tables.change_log_of(TABLE))
        found = self._warehouse.query(f"SELECT _order_key FROM {log}")  # noqa: S608
        keys = sorted(str(key) for key in found["_order_key"].to_pylist())
        if not keys:
            return
        cut = keys[int(step.share * (len(keys) - 1))]
        now = _NOW + self._compactions * _BETWEEN_COMPACTIONS
        self._compactions += 1
        forgets = step.forgets and (self._forgets_early or self._newest_deleted() < lowest_to_come)
        with said_once(), forgotten_at_once() if self._forgets_early else nullcontext():
            Compactor(
                self._warehouse,
                self._table,
                now,
                cut=cut,
                accept_gaps=True,
                purge_after=_BETWEEN_COMPACTIONS / 2 if forgets else _NEVER,
            ).run()
        self._written = set(self._warehouse.tables(DATASET)) - {TABLE}
        if not self._keeps_deleted:
            snapshot = table_sql(DATASET, tables.snapshot_of(TABLE))
            self._warehouse.run(f"DELETE FROM {snapshot} WHERE _deleted")  # noqa: S608

    def _newest_deleted(self) -> str:
        snapshot = table_sql(DATASET, tables.snapshot_of(TABLE))
        found = self._warehouse.query(
            f"SELECT MAX(_order_key) AS newest FROM {snapshot} WHERE _deleted"  # noqa: S608
        )
        return str(found["newest"][0].as_py() or "")

    def _append(self, history: History, appended: Sequence[Appended]) -> None:
        rows = self._rows(log_rows(self._flavour, history.name, appended))
        if rows:
            log = tables.change_log_of(TABLE)
            self._written.add(log)
            self._warehouse.append(DATASET, log, log_table(self._flavour, rows))

    def _write_snapshot(self, snapshot: SnapshotWritten) -> None:
        rows, position = list(snapshot.rows.values()), snapshot.position
        places = (tables.snapshot_of(TABLE), "_snapshots")
        for place in self._written.intersection(places):
            # A snapshot is a whole: it takes the place of the one before.
            self._warehouse.run(f"DELETE FROM {table_sql(DATASET, place)} WHERE TRUE")  # noqa: S608
        self._written.update(places)
        values: dict[str, list[object]] = {
            "_key": [key_text(row.key._asdict()) for row in rows],
            "_order_key": [position.order_key] * len(rows),
            "_deleted": [False] * len(rows),
            "_snapshot_at": [_TAKEN_AT] * len(rows),
            **{name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)},
        }
        if not snapshot.has_extra:
            # Taken before the column was there: `kami apply` adds it, with the default.
            del values["extra"]
        if rows:
            schema = pa.schema([(name, of) for name, of in _SNAPSHOT_TYPES if name in values])
            table = pa.Table.from_pydict(values, schema=schema)
            if snapshot.has_extra:
                self._warehouse.append(DATASET, tables.snapshot_of(TABLE), table)
            else:
                self._apply_to(table)
        record = {
            "table_name": TABLE,
            "anchor": json.dumps({"order_key": position.order_key}),
            "order_key": position.order_key,
            "xmax": position.xmax,
            "in_progress": list(position.in_progress),
            "taken_at": _TAKEN_AT,
            "row_count": len(rows),
            "state": "done",
        }
        self._warehouse.append(DATASET, "_snapshots", pa.Table.from_pylist([record]))

    def _apply_to(self, narrow: pa.Table) -> None:
        """Has `kami apply` change a snapshot table that is older than the column `extra`."""
        name = table_sql(DATASET, tables.snapshot_of(TABLE))
        self._warehouse.run(f"ALTER TABLE {name} DROP COLUMN extra")
        self._warehouse.append(DATASET, tables.snapshot_of(TABLE), narrow)
        there = self._warehouse.columns(DATASET, tables.snapshot_of(TABLE)) or {}
        for statement in snapshot_changes(self._warehouse, self._table, there, {}).added:
            self._warehouse.run(statement)

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *error: object) -> None:
        self._warehouse.close()
