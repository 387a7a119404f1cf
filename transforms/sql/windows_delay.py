"""How late rows may come: the WATERMARK of a source."""

from __future__ import annotations

import datetime

from sqlglot import exp

from transforms.sql.compile_literals import interval
from transforms.sql.errors import SqlError
from transforms.sql.expression import Session
from transforms.sql.tables import Table

_MILLISECOND = datetime.timedelta(milliseconds=1)


def watermark_delay(table: Table, session: Session) -> int:
    """Microseconds by which a row may come after later ones; 0 without a WATERMARK. SqlError."""
    mark = table.watermark
    if mark is None:
        return 0
    name, value = mark.this.name, mark.expression
    while isinstance(value, exp.Paren):
        value = value.this
    if isinstance(value, exp.Column) and value.name == name:
        return 0
    if (
        isinstance(value, exp.Sub)
        and isinstance(value.left, exp.Column)
        and value.left.name == name
        and isinstance(value.right, exp.Interval)
    ):
        found = interval(value.right)
        if isinstance(found.constant, datetime.timedelta):
            # Whole milliseconds, as Beam's times are; up, so that no row is refused for it.
            return -(-found.constant // _MILLISECOND) * 1_000
    message = f"a WATERMARK is written so: WATERMARK FOR {name} AS {name} - INTERVAL '5' SECOND"
    raise SqlError(message, mark.expression)
