"""Rows on standard output: a table for people, or JSON lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

import click
import rich.console
import rich.table

_WIDE = 10_000


def print_rows(rows: Sequence[Mapping[str, object]], output: str) -> None:
    """Prints rows of one shape.

    Args:
        output: `json`, an object a line, or `table`.
    """
    if output == "json":
        for row in rows:
            click.echo(json.dumps(dict(row), ensure_ascii=False, default=str))
        return
    if not rows:
        return
    table = rich.table.Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    # A pipe has no width: nothing of a row is to be cut off there.
    width = None if sys.stdout.isatty() else _WIDE
    console = rich.console.Console(markup=False, highlight=False, width=width)
    console.print(table)
