"""How late rows may come: the WATERMARK of a source."""

from __future__ import annotations

from sqlglot import exp

from transforms.sql.compile_literals import interval
from transforms.sql.errors import SqlError
from transforms.sql.expression import Session
from transforms.sql.tables import Table
from transforms.sql.types import Kind


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
        if found.type.kind is Kind.INTERVAL:
            return round(found.constant.total_seconds() * 1_000_000)  # type: ignore[attr-defined]
    message = f"a WATERMARK is written so: WATERMARK FOR {name} AS {name} - INTERVAL '5' SECOND"
    raise SqlError(message, mark.expression)
