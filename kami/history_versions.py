"""What the templates of history and compaction need to know of a table's columns."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kami import tables
from kami.compaction_sql import Relations, sql
from kami.context import ConfiguredTable
from kami.types import cast_sql
from kami.views import member, view_columns
from kami.warehouse import Warehouse, quoted, table_sql


class ColumnSql(NamedTuple):
    """A column of the source's table, as SQL.

    Args:
        of_event: its value from `l.after`.
        of_snapshot: its value from a snapshot's row `s`.
        may_be_missing: Debezium may leave the value out, where an update did not change it.
    """

    name: str
    type: str
    of_event: str
    of_snapshot: str
    may_be_missing: bool

    @property
    def is_decimal(self) -> bool:
        return "NUMERIC" in self.type

    def cast(self, value_sql: str) -> str:
        """SQL of a value as the column's type."""
        return cast_sql(value_sql, self.type)


class Anchor(NamedTuple):
    """The anchor of a PostgreSQL snapshot that some open transactions are not part of."""

    order_key: str
    xmax: int
    in_progress: tuple[int, ...]
    taken_at: datetime.datetime

    @property
    def in_progress_32(self) -> tuple[int, ...]:
        """As the log has them, in 32 bits."""
        return tuple(one % 2**32 for one in self.in_progress)


def columns_sql(
    table: ConfiguredTable, there: Sequence[str], renamed: Mapping[str, str] | None = None
) -> tuple[ColumnSql, ...]:
    """The table's columns in order, read from events as the god view reads them.

    Args:
        there: the columns that the snapshot table has; others came later.
        renamed: new name -> the name in older rows, beside what the configuration says.
    """
    listed = []
    for column in view_columns(table, renamed):
        name = next((name for name in column.names if name in there), None)
        of_snapshot = f"s.{quoted(name)}" if name is not None else column.default
        listed.append(
            ColumnSql(
                column.name,
                column.type.bigquery,
                column.value("l.`after`"),
                of_snapshot or cast_sql("NULL", column.type.bigquery),
                column.toast,
            )
        )
    return tuple(listed)


def old_key_sql(table: ConfiguredTable) -> str:
    """The canonical key that a row of the log `l` came from."""
    columns = {column.name: column for column in view_columns(table)}
    texts = [
        f"TO_JSON_STRING({columns[name].type.key_text(member('l.`_old_key`', name))})"
        for name in sorted(table.key)
    ]
    return "CONCAT('[', " + ", ',', ".join(texts) + ", ']')"


def anchor_of(warehouse: Warehouse, relations: Relations) -> Anchor | None:
    """The newest snapshot's anchor, where open transactions count; else None."""
    if "_snapshots" not in warehouse.tables(relations.dataset):
        return None
    rows = warehouse.query(
        sql(
            "SELECT `order_key`, `xmax`, `in_progress`, `taken_at` FROM {{ place }} "
            "WHERE `table_name` = {{ table | literal }} ORDER BY `taken_at` DESC LIMIT 1",
            place=table_sql(relations.dataset, "_snapshots"),
            table=relations.table,
        )
    ).to_pylist()
    if not rows or rows[0]["xmax"] is None or rows[0]["order_key"] is None:
        return None
    (row,) = rows
    return Anchor(row["order_key"], row["xmax"], tuple(row["in_progress"] or ()), row["taken_at"])


def snapshot_columns(warehouse: Warehouse, relations: Relations) -> dict[str, str]:
    """The columns of the snapshot table; empty without one."""
    return warehouse.columns(relations.dataset, tables.snapshot_of(relations.table)) or {}
