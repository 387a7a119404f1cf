"""T_history: a row a version of every row, and the table as it was at a time or log position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from kami import tables
from kami.compaction_sql import Relations, render, sql
from kami.compaction_superseded import superseded_of
from kami.context import ConfiguredTable
from kami.errors import ConfigurationError, RefusedError
from kami.history_position import Identity, order_key_of, time_of
from kami.history_versions import Anchor, anchor_of, columns_sql, old_key_sql, snapshot_columns
from kami.incarnations import identities
from kami.warehouse import Warehouse, quoted, table_sql

VERSION_COLUMNS = ("_key", "_op", "_valid_from", "_valid_to", "_ended_by")
"""What T_history has besides the source's columns, `_order_key` and `_until_order_key`."""


def history_sql(
    table: ConfiguredTable,
    logs: Sequence[str],
    snapshots: Sequence[str],
    snapshot_has: Sequence[str],
    anchor: Anchor | None = None,
    renamed: Mapping[str, str] | None = None,
) -> str:
    """BigQuery SQL of T_history.

    Args:
        logs: the log, and the archive where there is one: quoted names.
        snapshots: the snapshot table, and the table of rows that compactions replaced.
        snapshot_has: the columns of the snapshot table.
    """
    return render(
        "history.sql.jinja",
        Relations.of(table),
        columns=columns_sql(table, list(snapshot_has), renamed),
        old_key=old_key_sql(table),
        logs=list(logs),
        snapshots=list(snapshots),
        anchor=anchor,
    )


def create_history(
    warehouse: Warehouse, table: ConfiguredTable, renamed: Mapping[str, str] | None = None
) -> None:
    """Makes the view T_history anew where its SQL differs.

    Raises:
        RefusedError: the table has no key, log or snapshot table.
    """
    relations = Relations.of(table)
    there = warehouse.tables(relations.dataset)
    _check(table, there)
    logs = [relations.log]
    if tables.archive_of(table.name) in there:
        logs.append(relations.archive)
    snapshots = [relations.snapshot]
    has = list(snapshot_columns(warehouse, relations))
    superseded = superseded_of(table.name)
    if superseded in there:
        snapshots.append(relations.superseded)
        kept = warehouse.columns(relations.dataset, superseded) or {}
        # A column that the source has dropped and got again may be in one of the two only.
        has = [name for name in has if name in kept]
    anchor = None
    if table.source.has_postgresql_log:
        anchor = anchor_of(warehouse, relations)
    wanted = history_sql(table, logs, snapshots, has, anchor, renamed)
    name = tables.history_of(table.name)
    if name not in there or warehouse.definition(relations.dataset, name) != wanted:
        warehouse.create_view(relations.dataset, name, wanted)


def versions_sql(table: ConfiguredTable) -> str:
    """The versions of all rows by key, oldest first."""
    return sql(
        "SELECT {% for name in ours %}`{{ name }}`, {% endfor %}"
        "{% for name in names %}{{ name | quoted }}{{ ', ' if not loop.last }}{% endfor %} "
        "FROM {{ history }} ORDER BY `_key`, `_order_key`",
        ours=VERSION_COLUMNS[1:],
        names=[column.name for column in table.table.columns],
        history=Relations.of(table).history,
    )


def as_of_sql(table: ConfiguredTable, order_key: str) -> str:
    """The table as it was after all changes at or below the order key."""
    return sql(
        "SELECT {% for name in names %}{{ name | quoted }}{{ ', ' if not loop.last }}{% endfor %} "
        "FROM {{ history }} WHERE `_order_key` <= {{ at | literal }} "
        "AND (`_until_order_key` IS NULL OR `_until_order_key` > {{ at | literal }}) "
        "ORDER BY {% for name in key %}{{ name | quoted }}{{ ', ' if not loop.last }}{% endfor %}",
        names=[column.name for column in table.table.columns],
        key=table.key,
        history=Relations.of(table).history,
        at=order_key,
    )


def position_of(warehouse: Warehouse, table: ConfiguredTable, text: str) -> str:
    """The order key of a time or a position.

    A time is the position of the newest change that Debezium saw at or before it (`ts_ms`), in
    whichever of the source's tables: so all tables are as of the same moment, and what waited on a
    lock is where the log has it.

    Raises:
        ConfigurationError: the text is no position, or a time before the first change.
    """
    known: list[Identity] = identities(warehouse, table.dataset)
    time = time_of(text)
    if time is None:
        return order_key_of(text, table.source.dialect, known)
    newest: str | None = None
    for name in sorted(warehouse.tables(table.dataset)):
        if not name.endswith(("_change_log", "_archive")) or name.endswith("_snapshot_archive"):
            continue
        (row,) = warehouse.query(
            sql(
                "SELECT MAX(`_order_key`) AS `newest` FROM {{ place }} "
                "WHERE `ts_ms` <= {{ time | timestamp }}",
                place=table_sql(table.dataset, name),
                time=time,
            )
        ).to_pylist()
        if row["newest"] is not None and (newest is None or row["newest"] > newest):
            newest = row["newest"]
    if newest is None:
        message = (
            f"no change of {table.dataset} is as old as {time.isoformat()}: what its tables were "
            "before the first change is not known; give a later time"
        )
        raise ConfigurationError(message)
    return newest


def stream_as_of(
    warehouse: Warehouse, table: ConfiguredTable, order_key: str
) -> Iterator[pa.RecordBatch]:
    return warehouse.stream(as_of_sql(table, order_key))


def _check(table: ConfiguredTable, there: Mapping[str, object]) -> None:
    if not table.key:
        message = (
            f"{table.full_name} has no primary key: its changes are no versions of rows; name `key`"
            " for it in the configuration"
        )
        raise RefusedError(message)
    for name in (tables.change_log_of(table.name), tables.snapshot_of(table.name)):
        if name not in there:
            message = (
                f"{table.full_name} has no history yet: there is no table "
                f"{quoted(table.dataset)}.{quoted(name)}; run `kami apply`"
            )
            raise RefusedError(message)
