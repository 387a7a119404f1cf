"""`kami incarnation`: who wrote a source's log, in order."""

from __future__ import annotations

import datetime

import click

from kami.context import Context
from kami.errors import UnknownTableError
from kami.incarnations import add_incarnation, list_incarnations


@click.group("incarnation")
def command() -> None:
    """The lives of a source's log, in the order in which they were written."""


@command.command("add")
@click.argument("source")
@click.option(
    "--logical-name",
    help="Debezium's topic.prefix, where the dataset holds records of more than one.",
)
@click.pass_obj
def add(context: Context, source: str, logical_name: str | None) -> None:
    """Counts a new life of the log of SOURCE: its positions start over from here.

    For logs without GTIDs, after a restore or when another server took over. Records that are read
    from now on sort above all that were read before. End the change_log pipeline first and start
    it again after, since it reads the incarnations when it starts.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    row = add_incarnation(context.warehouse, _known(context, source), now, logical_name)
    context.print_rows([row])


@command.command("list")
@click.argument("source", required=False)
@click.pass_obj
def list_(context: Context, source: str | None) -> None:
    """Prints the incarnations of SOURCE, or of all sources."""
    context.read_only()
    names = [one.name for one in context.config.sources]
    chosen = names if source is None else [_known(context, source)]
    context.print_rows(
        [
            {"dataset": name, **row}
            for name in chosen
            for row in list_incarnations(context.warehouse, name)
        ]
    )


def _known(context: Context, source: str) -> str:
    names = [one.name for one in context.config.sources]
    if source not in names:
        message = (
            f"{source!r} is no source of {context.path}; it has: {', '.join(names)}; name one of "
            "these"
        )
        raise UnknownTableError(message)
    return source
