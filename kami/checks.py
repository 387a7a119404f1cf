"""Data checks that are made from a table's definition: each a query that counts what is wrong."""

from __future__ import annotations

import datetime
from typing import Literal, NamedTuple

from kami import tables
from kami.compaction_sql import Relations, render, sql
from kami.context import ConfiguredTable
from kami.types import Form, warehouse_type
from kami.warehouse import Warehouse, table_sql

Status = Literal["ok", "failed", "skipped"]


class Check(NamedTuple):
    """A check of a table. `sql` yields one row: `wrong`, and `example` where there is one."""

    name: str
    sql: str
    needs: str
    """The relation, by its name in the dataset, without which there is nothing to check."""
    advice: str = ""
    """What to do where it fails."""


AS_TEXTS = "set decimal.handling.mode to precise or string and take a new snapshot"
AS_BASE64 = "set binary.handling.mode to bytes or base64 and take a new snapshot"
"""Settings of the connector; what a log has lost by them comes back by `pipelines.snapshot`."""


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
    decimals = _columns(table, "decimal", "number")
    if decimals:
        sql = render("check_decimals.sql.jinja", relations, columns=decimals)
        checks.append(Check("decimals", sql, log, AS_TEXTS))
    in_bytes = _columns(table, "bytes")
    if in_bytes:
        sql = render("check_bytes.sql.jinja", relations, columns=in_bytes)
        checks.append(Check("bytes", sql, log, AS_BASE64))
    return checks


def _columns(table: ConfiguredTable, *forms: Form) -> list[str]:
    """The columns whose values have one of these forms; bits, which are always bytes, aside."""
    return [
        column.name
        for column in table.table.columns
        if warehouse_type(column, table.source.dialect).form in forms
        and not column.source_type.lower().startswith(("bit", "varbit"))
    ]


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
        if wrong and check.advice:
            message += f"; {check.advice}"
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
