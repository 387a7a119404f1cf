"""A table of a source in a warehouse file, and histories of it that a seed makes.

The model is the source: it says what the table holds after each change.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa

from kami import tables
from kami.compaction_state import create_bookkeeping, create_table_sql
from kami.config import Source, TableOptions
from kami.context import ConfiguredTable
from kami.keys import key_text
from kami.schema import Dialect, SourceColumn, SourceTable
from kami.types import warehouse_type
from kami.views import god_view_sql
from kami.warehouse import Warehouse, open_warehouse, table_sql

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
Values = dict[str, object]


def order_key(lsn: int, phase: int = 1, incarnation: int = 0) -> str:
    return f"{incarnation:04x}/{lsn:016x}/{0:016x}/{phase:08x}"


def minutes(number: float) -> datetime.timedelta:
    return datetime.timedelta(minutes=number)


def orders(dialect: Dialect = "mysql") -> ConfiguredTable:
    """shop.orders; in PostgreSQL its `note` may be left out by an update."""
    text = "text" if dialect == "postgresql" else "varchar(200)"
    table = SourceTable(
        "public" if dialect == "postgresql" else "shop",
        "orders",
        (
            SourceColumn("id", "bigint", nullable=False),
            SourceColumn("price", "decimal(10,2)"),
            SourceColumn("note", text),
        ),
        ("id",),
        dialect,
    )
    return ConfiguredTable(Source("shop", dialect), table, TableOptions())


@dataclasses.dataclass(frozen=True)
class Event:
    """A change as the log has it."""

    lsn: int
    op: str
    key: int | None
    after: Values | None = None
    missing: tuple[str, ...] = ()
    old_key: int | None = None
    new_key: int | None = None
    transaction: int = 1
    place: int = 0
    """Debezium sends the delete of a key change before its create."""

    def row(self, offset: int, ingested_at: datetime.datetime) -> Values:
        after = None
        if self.after is not None:
            after = json.dumps({k: v for k, v in self.after.items() if k not in self.missing})
        return {
            "_key": None if self.key is None else key_text({"id": self.key}),
            "key": None if self.key is None else json.dumps({"id": self.key}),
            "after": after,
            "op": self.op,
            "ts_ms": START + datetime.timedelta(seconds=self.lsn),
            "_order_key": order_key(self.lsn),
            "_event_id": f"{self.lsn}-{self.op}-{self.key}",
            "_ingested_at": ingested_at,
            "_topic": "shop.orders",
            "_topic_partition": 0,
            "_offset": offset,
            "_old_key": None if self.old_key is None else json.dumps({"id": self.old_key}),
            "_new_key": None if self.new_key is None else json.dumps({"id": self.new_key}),
            "_missing_columns": list(self.missing),
        }


@dataclasses.dataclass
class History:
    """Changes in the order of the log, and the table after each of them."""

    events: list[Event] = dataclasses.field(default_factory=list)
    states: list[tuple[int, dict[int, Values]]] = dataclasses.field(default_factory=list)

    def at(self, lsn: int) -> dict[int, Values]:
        """The table after the change at `lsn`."""
        found: dict[int, Values] = {}
        for changed, state in self.states:
            if changed <= lsn:
                found = state
        return found

    @property
    def now(self) -> dict[int, Values]:
        return self.states[-1][1] if self.states else {}

    @property
    def last_lsn(self) -> int:
        return self.events[-1].lsn if self.events else 0


def make_history(seed: int, length: int, dialect: Dialect, keys: int = 5) -> History:
    """Random inserts, updates, deletes, key changes and truncates on a few keys."""
    chance = random.Random(seed)
    history = History()
    rows: dict[int, Values] = {}
    for number in range(1, length + 1):
        lsn = number * 10
        free = [key for key in range(keys) if key not in rows]
        kinds = ["c"] * (3 if free else 0) + (["u"] * 5 + ["d", "d"] if rows else [])
        kinds += ["move", "move"] if rows and free else []
        kind = "t" if chance.random() < 0.2 / keys else chance.choice(kinds)
        if kind == "t":
            rows = {}
            history.events.append(Event(lsn, "t", None))
        elif kind == "c":
            key = chance.choice(free)
            rows = {**rows, key: _values(chance, key)}
            history.events.append(Event(lsn, "c", key, rows[key]))
        else:
            key = chance.choice(sorted(rows))
            rows = dict(rows)
            old = rows.pop(key)
            history.events += _change(chance, kind, lsn, old, rows, free, dialect)
        history.states.append((lsn, rows))
    return history


def _change(
    chance: random.Random,
    kind: str,
    lsn: int,
    old: Values,
    rows: dict[int, Values],
    free: list[int],
    dialect: Dialect,
) -> list[Event]:
    key = int(str(old["id"]))
    if kind == "d":
        return [Event(lsn, "d", key)]
    target = key if kind == "u" else chance.choice(free)
    new = _values(chance, target)
    missing: tuple[str, ...] = ()
    if dialect == "postgresql" and chance.random() < 0.5:
        new["note"] = old["note"]
        missing = ("note",)
    rows[target] = new
    if kind == "u":
        return [Event(lsn, "u", key, new, missing)]
    return [
        Event(lsn, "d", key, new_key=target),
        Event(lsn, "c", target, new, missing, old_key=key, place=1),
    ]


def _values(chance: random.Random, key: int) -> Values:
    cents = chance.randrange(10**6)
    return {
        "id": key,
        "price": f"{cents // 100}.{cents % 100:02d}",
        "note": chance.choice([None, "", f"note {chance.randrange(1000)}"]),
    }


class Shop:
    """The warehouse of one table."""

    def __init__(self, folder: Path, dialect: Dialect = "mysql") -> None:
        self.table = orders(dialect)
        self.path = folder / "warehouse.duckdb"
        self.warehouse: Warehouse = open_warehouse(f"duckdb:{self.path}")
        self.offset = 0
        self.create()

    def create(self) -> None:
        """Makes the tables empty, and the god view."""
        self.warehouse.run("DROP SCHEMA IF EXISTS `shop` CASCADE; CREATE SCHEMA `shop`")
        create_bookkeeping(self.warehouse, "shop")
        log = tables.change_log_columns(self.table.source_columns)
        typed = [
            tables.Column(column.name, warehouse_type(column, self.table.table.dialect).bigquery)
            for column in self.table.table.columns
        ]
        snapshot = (*tables.SNAPSHOT_COLUMNS, *typed)
        self.warehouse.run(create_table_sql(table_sql("shop", "orders_change_log"), log))
        self.warehouse.run(create_table_sql(table_sql("shop", "orders_archive"), log))
        self.warehouse.run(create_table_sql(table_sql("shop", "orders_snapshot"), snapshot))
        self.warehouse.create_view("shop", "orders", god_view_sql(self.table))

    def deliver(
        self, events: list[Event], at: datetime.datetime = START, gap: bool = False
    ) -> None:
        """Appends events to the log, as they are ordered."""
        rows = []
        for event in events:
            self.offset += 5 if gap else 1
            rows.append(event.row(self.offset, at))
        if rows:
            self.append("orders_change_log", rows)

    def append(self, name: str, rows: list[Values]) -> None:
        self.warehouse.append("shop", name, pa.Table.from_pylist(rows))

    def snapshot(self, state: dict[int, Values], anchor: int) -> None:
        """Loads a snapshot that was taken at the anchor's lsn."""
        rows = [
            {
                "_key": key_text({"id": key}),
                "_order_key": order_key(anchor, 0),
                "_deleted": False,
                "_snapshot_at": START,
                **values,
            }
            for key, values in state.items()
        ]
        if rows:
            self.append("orders_snapshot", rows)

    def rows(
        self, sql: str = "SELECT `id`, `price`, `note` FROM `shop`.`orders`"
    ) -> dict[int, Values]:
        """The rows of the god view by id, as the model has them."""
        found: list[dict[str, Any]] = self.warehouse.query(sql).to_pylist()
        state = {row["id"]: {**row, "price": _text(row["price"])} for row in found}
        assert len(state) == len(found), f"keys are there twice: {found}"
        return state

    def count(self, name: str, where: str = "TRUE") -> int:
        query = f"SELECT COUNT(*) AS `n` FROM {table_sql('shop', name)} WHERE {where}"  # noqa: S608
        return int(self.warehouse.query(query).to_pylist()[0]["n"])


def _text(value: object) -> str | None:
    return None if value is None else str(value)
