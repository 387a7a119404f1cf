"""Data checks that are made from a table's definition: each a query that counts what is wrong."""

from __future__ import annotations

import datetime
from typing import Literal, NamedTuple

from kami import tables
from kami.compaction_sql import Relations, render, sql
from kami.context import ConfiguredTable
from kami.warehouse import Warehouse, table_sql

Status = Literal["ok", "failed", "skipped"]


class Check(NamedTuple):
    """A check of a table. `sql` yields one row: `wrong`, and `example` where there is one."""

    name: str
    sql: str
    needs: str
    """The relation, by its name in the dataset, without which there is nothing to check."""


class CheckResult(NamedTuple):
    """What a check found; `wrong` counts rows, for freshness minutes."""

    table: str
    check: str
    status: Status
    wrong: int | None
    message: str


def checks_of(table: ConfiguredTable) -> list[Check]:
    """The checks of a table, but for its freshness."""
    relations = Relations.of(table)
    log, view = tables.change_log_of(table.name), table.name
    checks = []
    if table.key:
        sql = render("check_unique.sql.jinja", relations, key=table.key, view=_view(relations))
        checks.append(Check("unique_keys", sql, view))
    required = [column.name for column in table.table.columns if not column.nullable]
    required += [name for name in table.key if name not in required]
    for name in required:
        sql = render(
            "check_not_null.sql.jinja",
            relations,
            column=name,
            key=table.key,
            view=_view(relations),
        )
        checks.append(Check(f"not_null({name})", sql, view))
    checks += [
        Check("order_keys", render("check_order_keys.sql.jinja", relations), log),
        Check("log_keys", render("check_log_keys.sql.jinja", relations), log),
    ]
    return checks


def run_checks(
    warehouse: Warehouse,
    table: ConfiguredTable,
    now: datetime.datetime,
    fresh_within_minutes: float | None = None,
) -> list[CheckResult]:
    """The results of all checks of a table.

    Args:
        fresh_within_minutes: how old the newest change may be; by default as configured.
    """
    there = warehouse.tables(table.dataset)
    results = []
    for check in checks_of(table):
        if check.needs not in there:
            message = f"there is no {table.dataset}.{check.needs}; run `kami apply`"
            results.append(CheckResult(table.full_name, check.name, "failed", None, message))
            continue
        (row,) = warehouse.query(check.sql).to_pylist()
        wrong = int(row["wrong"] or 0)
        message = f"such as {row['example']}" if wrong and row["example"] is not None else ""
        status: Status = "failed" if wrong else "ok"
        results.append(CheckResult(table.full_name, check.name, status, wrong, message))
    limit = fresh_within_minutes
    if limit is None:
        limit = table.options.fresh_within_minutes
    if limit is not None and tables.change_log_of(table.name) in there:
        results.append(_freshness(warehouse, table, now, limit))
    return results


def _freshness(
    warehouse: Warehouse, table: ConfiguredTable, now: datetime.datetime, limit: float
) -> CheckResult:
    relations = Relations.of(table)
    sources = [relations.log]
    if tables.archive_of(table.name) in warehouse.tables(table.dataset):
        sources.append(relations.archive)
    newest = None
    for source in sources:
        (row,) = warehouse.query(
            sql("SELECT MAX(`ts_ms`) AS `newest` FROM {{ place }}", place=source)
        ).to_pylist()
        if row["newest"] is not None and (newest is None or row["newest"] > newest):
            newest = row["newest"]
    if newest is None:
        message = f"the log has no change; expected one of the last {limit:g} minutes"
        return CheckResult(table.full_name, "freshness", "failed", None, message)
    minutes = (now - newest) / datetime.timedelta(minutes=1)
    message = f"the newest change is of {newest.isoformat()}, {minutes:.0f} minutes ago"
    if minutes <= limit:
        return CheckResult(table.full_name, "freshness", "ok", round(minutes), message)
    message += f"; expected one of the last {limit:g} minutes"
    return CheckResult(table.full_name, "freshness", "failed", round(minutes), message)


def _view(relations: Relations) -> str:
    return table_sql(relations.dataset, relations.table)
