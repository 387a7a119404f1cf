"""`kami reconcile`: the god views against the database, or against a file of its rows."""

from __future__ import annotations

import functools
from pathlib import Path

import click

from kami.context import ConfiguredTable, Context
from kami.errors import ConfigurationError, DifferencesError
from kami.reconcile_compare import compare
from kami.reconcile_report import TableReport, difference_line, json_report, summary_row
from kami.reconcile_sides import god_view, json_rows, read_final_tables, shape_of
from kami.warehouse import open_warehouse


@click.command("reconcile")
@click.argument("tables", nargs=-1)
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Compare with a JSON file, {"table": [row, ...]}, instead of the live database.',
)
@click.option(
    "--wait-seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="How long after the read its changes may take to arrive in the warehouse.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="The most rows of a table that are named.",
)
@click.option(
    "--exclude-column",
    "left_out",
    multiple=True,
    metavar="TABLE.COLUMN",
    help="Do not compare this column; may be given again.",
)
@click.pass_obj
def command(
    context: Context,
    tables: tuple[str, ...],
    against: Path | None,
    wait_seconds: float,
    limit: int,
    left_out: tuple[str, ...],
) -> None:
    """Compares the god views of TABLES, or of all tables that have a key, with the database.

    By counts and checksums of key ranges, and down to the rows and columns that differ. The
    database is read in one consistent read, and the god views as of its place in the log; what the
    log has not brought by then is waited for. Exit code 1 when something differs.
    """
    context.read_only()
    chosen = [table for table in context.for_each_table(tables) if tables or table.key]
    if against is not None:
        reports = _with_file(context, chosen, against, limit, left_out, bool(tables))
    else:
        from kami.reconcile_live import reconcile_live

        reports = []
        for source in {table.source.name: table.source for table in chosen}.values():
            mine = [table for table in chosen if table.source.name == source.name]
            skipped = {table.name: _left_out(table, left_out) for table in mine}
            opened = functools.partial(open_warehouse, context.config.warehouse, read_only=True)
            reports += reconcile_live(
                opened, source, mine, skipped, limit=limit, wait_seconds=wait_seconds
            )
    _print(context, reports)


def _with_file(
    context: Context,
    chosen: list[ConfiguredTable],
    path: Path,
    limit: int,
    left_out: tuple[str, ...],
    named: bool,
) -> list[TableReport]:
    final = read_final_tables(path)
    reports = []
    for table in chosen:
        rows = final.get(table.name)
        if rows is None:
            if named:
                message = (
                    f"the file {str(path)!r} has no table {table.name!r}; it has "
                    f"{', '.join(sorted(final))}: add an empty list for a table without rows"
                )
                raise ConfigurationError(message)
            continue
        skipped = _left_out(table, left_out)
        found = compare(
            json_rows(table, rows),
            god_view(context.warehouse, table),
            shape_of(table, skipped),
            limit,
        )
        reports.append(TableReport(table.full_name, found, None, skipped))
    if not reports:
        message = (
            f"the file {str(path)!r} has none of the configuration's tables; it has "
            f"{', '.join(sorted(final)) or 'none'}"
        )
        raise ConfigurationError(message)
    return reports


def _left_out(table: ConfiguredTable, names: tuple[str, ...]) -> tuple[str, ...]:
    columns = [column.name for column in table.table.columns]
    found = []
    for name in names:
        of, _, column = name.rpartition(".")
        if of not in (table.name, table.full_name):
            continue
        if column not in columns:
            message = (
                f"--exclude-column {name!r} is no column of {table.full_name}; it has "
                f"{', '.join(columns)}"
            )
            raise ConfigurationError(message)
        found.append(column)
    return tuple(found)


def _print(context: Context, reports: list[TableReport]) -> None:
    if context.output == "json":
        context.print_rows([json_report(report) for report in reports])
    else:
        context.print_rows([summary_row(report) for report in reports])
        for report in reports:
            for difference in report.comparison.differences:
                click.echo(difference_line(report.table, difference))
    differing = [report for report in reports if not report.comparison.is_equal]
    if differing:
        rows = sum(report.comparison.differing_rows for report in differing)
        names = ", ".join(report.table for report in differing)
        message = f"{rows} rows differ in {len(differing)} of {len(reports)} tables: {names}"
        raise DifferencesError(message)
