"""How far the compaction of a table has come: what a crash leaves, the next run goes on with."""

from __future__ import annotations

import datetime
from typing import Literal, NamedTuple

from kami import tables
from kami.compaction_sql import Relations, sql
from kami.warehouse import Warehouse, quoted, table_sql

State = Literal["started", "staged", "swapped", "archived", "done"]
"""started: the cut is chosen. staged: the log rows to be moved are chosen, and no others will be.
swapped: the snapshot table holds them. archived: the archive was verified. done: the log has them
no longer."""

COMPACTIONS = "_compactions"


class Compaction(NamedTuple):
    """One compaction, as `_compactions` has it."""

    relations: Relations
    cut: str
    started_at: datetime.datetime
    state: str

    @property
    def place(self) -> str:
        return table_sql(self.relations.dataset, COMPACTIONS)


def create_bookkeeping(warehouse: Warehouse, dataset: str) -> None:
    """Makes the dataset's tables that belong to no single source table, where they are not."""
    there = warehouse.tables(dataset)
    for name, columns in tables.BOOKKEEPING.items():
        if name not in there:
            warehouse.run(create_table_sql(table_sql(dataset, name), columns))


def create_table_sql(place: str, columns: tuple[tables.Column, ...], how: str = "") -> str:
    """The statement that makes a table; `how` is its partitioning and clustering."""
    listed = ", ".join(f"{quoted(column.name)} {column.type}" for column in columns)
    return f"CREATE TABLE IF NOT EXISTS {place} ({listed}) {how}".rstrip()


def unfinished(warehouse: Warehouse, relations: Relations) -> Compaction | None:
    """The compaction that a crash left, if any."""
    found = warehouse.query(
        sql(
            "SELECT `cut`, `started_at`, `state` FROM {{ place }} "
            "WHERE `table_name` = {{ table | literal }} AND `finished_at` IS NULL "
            "ORDER BY `started_at` DESC LIMIT 1",
            place=table_sql(relations.dataset, COMPACTIONS),
            table=relations.table,
        )
    ).to_pylist()
    if not found:
        return None
    return Compaction(relations, found[0]["cut"], found[0]["started_at"], found[0]["state"])


def start(warehouse: Warehouse, compaction: Compaction) -> None:
    warehouse.run(
        sql(
            "INSERT INTO {{ c.place }} "
            "(`table_name`, `cut`, `started_at`, `finished_at`, `archived_rows`, `state`) "
            "VALUES ({{ c.relations.table | literal }}, {{ c.cut | literal }}, "
            "{{ c.started_at | timestamp }}, NULL, NULL, {{ c.state | literal }})",
            c=compaction,
        )
    )


def advance(warehouse: Warehouse, compaction: Compaction, state: State) -> Compaction:
    """Writes down that the compaction has come to this state."""
    moved = compaction._replace(state=state)
    warehouse.run(
        sql(
            "UPDATE {{ c.place }} SET `state` = {{ c.state | literal }} "
            "WHERE `table_name` = {{ c.relations.table | literal }} "
            "AND `started_at` = {{ c.started_at | timestamp }}",
            c=moved,
        )
    )
    return moved


def finish(
    warehouse: Warehouse, compaction: Compaction, finished_at: datetime.datetime, archived: int
) -> Compaction:
    """Writes down that the compaction is done, and how many rows it archived."""
    moved = compaction._replace(state="done")
    warehouse.run(
        sql(
            "UPDATE {{ c.place }} SET `state` = {{ c.state | literal }}, "
            "`finished_at` = {{ at | timestamp }}, `archived_rows` = {{ archived }} "
            "WHERE `table_name` = {{ c.relations.table | literal }} "
            "AND `started_at` = {{ c.started_at | timestamp }}",
            c=moved,
            at=finished_at,
            archived=archived,
        )
    )
    return moved
