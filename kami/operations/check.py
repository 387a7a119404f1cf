"""`kami check`: data checks that the tables' definitions give."""

from __future__ import annotations

import datetime

import click

from kami.checks import run_checks
from kami.context import Context
from kami.errors import DifferencesError


@click.command("check")
@click.argument("tables", nargs=-1)
@click.option(
    "--fresh-within-minutes",
    type=click.FloatRange(min=0),
    help="How old the newest change may be; by default as the configuration says.",
)
@click.pass_obj
def command(context: Context, tables: tuple[str, ...], fresh_within_minutes: float | None) -> None:
    """Checks the god views and logs of TABLES, or of all tables.

    Keys are unique, NOT NULL columns have values, order keys are well formed, every change has a
    key, decimals and bytes came in a form that loses nothing, and the newest change is not too
    old. Exit code 1 when a check fails.
    """
    context.read_only()
    now = datetime.datetime.now(datetime.timezone.utc)
    results = [
        result
        for table in context.for_each_table(tables)
        for result in run_checks(context.warehouse, table, now, fresh_within_minutes)
    ]
    context.print_rows([result._asdict() for result in results])
    failed = [result for result in results if result.status == "failed"]
    if failed:
        names = ", ".join(f"{result.table} {result.check}" for result in failed)
        message = f"{len(failed)} of {len(results)} checks failed: {names}"
        raise DifferencesError(message)
