"""What a compaction refuses: each check raises, with the next step, before anything is written."""

from __future__ import annotations

import datetime

from kami import tables
from kami.compaction_sql import Relations, render, sql
from kami.errors import ConfigurationError, RefusedError
from kami.history_position import is_order_key
from kami.warehouse import Warehouse, table_sql


def check_tables(warehouse: Warehouse, relations: Relations, key: tuple[str, ...]) -> None:
    """Raises RefusedError when the table has no key, log or snapshot table."""
    if not key:
        message = (
            f"{relations.full_name} has no primary key, so that no row of its log replaces "
            "another; name `key` for it in the configuration, or leave its log as it is"
        )
        raise RefusedError(message)
    there = warehouse.tables(relations.dataset)
    for name, maker in (
        (tables.change_log_of(relations.table), "pipelines.change_log"),
        (tables.snapshot_of(relations.table), "pipelines.snapshot"),
    ):
        if name not in there:
            message = (
                f"{relations.full_name} cannot be compacted: there is no table "
                f"{relations.dataset}.{name}; run `kami apply`, and {maker} to fill it"
            )
            raise RefusedError(message)


def check_cut(cut: str) -> str:
    if not is_order_key(cut):
        message = (
            f"the cut is {cut!r}; expected an order key as _order_key holds it, "
            "16 hex digits and slashes: 0001/00000000000001f4/0000000000000000/00000001"
        )
        raise ConfigurationError(message)
    return cut


def default_cut(
    warehouse: Warehouse, relations: Relations, now: datetime.datetime, keep: datetime.timedelta
) -> str | None:
    """The newest order key of the rows that came in longer than `keep` ago; None without any."""
    (row,) = warehouse.query(
        sql(
            "SELECT MAX(`_order_key`) AS `cut` FROM {{ log }} "
            "WHERE `_ingested_at` < {{ before | timestamp }}",
            log=relations.log,
            before=now - keep,
        )
    ).to_pylist()
    return None if row["cut"] is None else str(row["cut"])


def check_snapshot_is_whole(warehouse: Warehouse, relations: Relations) -> None:
    """Raises RefusedError while a snapshot of the table is being taken, or was broken off."""
    rows = warehouse.query(
        sql(
            "SELECT `state`, `taken_at` FROM {{ place }} "
            "WHERE `table_name` = {{ table | literal }} ORDER BY `taken_at` DESC LIMIT 1",
            place=table_sql(relations.dataset, "_snapshots"),
            table=relations.table,
        )
    ).to_pylist()
    if rows and rows[0]["state"] not in WHOLE:
        message = (
            f"the snapshot of {relations.full_name} of {rows[0]['taken_at']} is "
            f"{rows[0]['state']!r}; expected one that is done: let pipelines.snapshot end, or run "
            "it again for this table"
        )
        raise RefusedError(message)
    waiting = warehouse.query(
        sql(
            "SELECT COUNT(*) AS `rows` FROM {{ place }} WHERE `table_name` = {{ table | literal }}",
            place=table_sql(relations.dataset, "_snapshot_rows"),
            table=relations.table,
        )
    ).to_pylist()[0]["rows"]
    if waiting:
        message = (
            f"{waiting} rows of the snapshot of {relations.full_name} wait in "
            f"{relations.dataset}._snapshot_rows; run `kami apply`, which gives them their types"
        )
        raise RefusedError(message)


WHOLE = ("done",)
"""The states of `_snapshots` in which nothing writes into the snapshot table."""


def check_dead_letters(warehouse: Warehouse, relations: Relations, cut: str) -> None:
    """Raises RefusedError where changes below the cut are not in the log but in dead letters."""
    (found,) = warehouse.query(
        render("compact_dead_letters.sql.jinja", relations, cut=cut)
    ).to_pylist()
    if found["dead_letters"]:
        message = (
            f"{relations.full_name} has {found['dead_letters']} dead letters below the cut {cut} "
            f"(or of unknown place), such as {found['error']!r}: compacted, their changes would "
            f"come too late; replay them, or delete them from {relations.dataset}._dead_letters "
            "once they are known to be harmless"
        )
        raise RefusedError(message)


def offset_gaps(warehouse: Warehouse, relations: Relations, cut: str) -> list[str]:
    """Sentences of the offsets that are missing below the cut, at most 20."""
    there = warehouse.tables(relations.dataset)
    names = [(relations.log, True)]
    if tables.archive_of(relations.table) in there:
        names.append((relations.archive, False))
    rows = warehouse.query(
        render(
            "compact_gaps.sql.jinja",
            relations,
            cut=cut,
            places=[{"name": name, "is_log": is_log} for name, is_log in names],
        )
    ).to_pylist()
    return [
        f"topic {row['topic']} partition {row['topic_partition']}: offsets "
        f"{row['first_missing']} to {row['last_missing']}"
        for row in rows
    ]


def check_gaps(warehouse: Warehouse, relations: Relations, cut: str) -> None:
    gaps = offset_gaps(warehouse, relations, cut)
    if gaps:
        listed = "; ".join(gaps)
        message = (
            f"the log of {relations.full_name} lacks offsets below the cut {cut}: {listed}; read "
            "them again with pipelines.change_log, or compact with --accept-gaps where the topic "
            "is compacted or holds transactions, whose markers take offsets too"
        )
        raise RefusedError(message)
