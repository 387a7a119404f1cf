"""kami status: how large and how new each table is."""

from __future__ import annotations

import datetime

import click

from kami.context import ConfiguredTable, Context
from kami.tables import change_log_of, snapshot_of
from kami.views import view_of
from kami.warehouse import Warehouse, literal, table_sql

UTC = datetime.timezone.utc


@click.command("status")
@click.argument("tables", nargs=-1)
@click.pass_obj
def command(context: Context, tables: tuple[str, ...]) -> None:
    """Shows for TABLES, or all: rows in log and snapshot, the newest change, lag, last compaction.

    The lag is the age of the newest change, in seconds: a table that nobody changes lags too.
    """
    context.read_only()
    chosen = list(context.for_each_table(tables))
    now = datetime.datetime.now(UTC)
    context.print_rows([status_of(context.warehouse, table, now) for table in chosen])


def status_of(
    warehouse: Warehouse, table: ConfiguredTable, now: datetime.datetime
) -> dict[str, object]:
    """The status of one table; what is not there yet is None."""
    there = warehouse.tables(table.dataset)
    log, snapshot = change_log_of(table.name), snapshot_of(table.name)
    log_rows = newest = snapshot_rows = snapshot_at = compacted = dead = None
    if log in there:
        row = _row(
            warehouse,
            f"SELECT COUNT(*) AS n, MAX(ts_ms) AS newest FROM {table_sql(table.dataset, log)}",  # noqa: S608
        )
        log_rows, newest = row["n"], row["newest"]
    if snapshot in there:
        row = _row(
            warehouse,
            "SELECT COUNTIF(NOT _deleted) AS n, MAX(_snapshot_at) AS taken "  # noqa: S608
            f"FROM {table_sql(table.dataset, snapshot)}",
        )
        snapshot_rows, snapshot_at = row["n"], row["taken"]
    if "_compactions" in there:
        compacted = _row(
            warehouse,
            "SELECT MAX(finished_at) AS finished "  # noqa: S608
            f"FROM {table_sql(table.dataset, '_compactions')} "
            f"WHERE table_name = {literal(table.name)}",
        )["finished"]
    if "_dead_letters" in there:
        dead = _row(
            warehouse,
            f"SELECT COUNT(*) AS n FROM {table_sql(table.dataset, '_dead_letters')} "  # noqa: S608
            f"WHERE table_name = {literal(table.name)}",
        )["n"]
    return {
        "table": table.full_name,
        "view": view_of(table)[0] in there,
        "log_rows": log_rows,
        "snapshot_rows": snapshot_rows,
        "snapshot_at": _text(snapshot_at),
        "newest_change": _text(newest),
        "lag_seconds": round((now - newest).total_seconds(), 3)
        if isinstance(newest, datetime.datetime)
        else None,
        "last_compaction": _text(compacted),
        "dead_letters": dead,
    }


def _row(warehouse: Warehouse, sql: str) -> dict[str, object]:
    row: dict[str, object] = warehouse.query(sql).to_pylist()[0]
    return row


def _text(value: object) -> str | None:
    return value.isoformat() if isinstance(value, datetime.datetime) else None
