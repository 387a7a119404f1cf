"""The event time of rows that go into windows, and the windows' bounds."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from transforms.sql import types
from transforms.sql.beam_sql_plan import WINDOW_END, WINDOW_START
from transforms.sql.compile import cast
from transforms.sql.errors import SqlError
from transforms.sql.expression import Expression, Failure, Session
from transforms.sql.types import Kind, SqlType
from transforms.sql.windows import MILLISECOND, WindowCall

TIMESTAMP_3 = types.timestamp(3)
"""The type of a window's bounds."""


def event_time(column: Expression, call: WindowCall) -> Expression:
    """The event time of a row in microseconds; a row without one is refused. SqlError."""
    if not column.type.is_timestamp:
        message = (
            f"a window goes over a TIMESTAMP or TIMESTAMP_LTZ, this is {column.type}; for "
            "milliseconds write TO_TIMESTAMP_LTZ(column, 3)"
        )
        raise SqlError(message, call.time)
    message = "the event time of a row in a window is NULL; filter such rows, or COALESCE it"
    missing = Failure(column.value.is_null(), message, call.time)
    micros = column.value.dt.epoch("us")
    return Expression(micros, types.BIGINT, (*column.failures, missing), node=column.node)


def bounds(time: SqlType, session: Session) -> dict[str, Expression]:
    """The window's columns: of type TIMESTAMP(3), those of a TIMESTAMP_LTZ in local time."""
    ends = {
        "window_start": pl.col(WINDOW_START),
        "window_end": pl.col(WINDOW_END),
        "window_time": pl.col(WINDOW_END) - MILLISECOND,
    }
    found = {}
    for name, micros in ends.items():
        if time.kind is Kind.TIMESTAMP_LTZ:
            instant = Expression(micros.cast(pl.Datetime("us", "UTC")), types.timestamp_ltz(3))
            found[name] = cast(instant, TIMESTAMP_3, exp.column(name), session=session)
        else:
            found[name] = Expression(micros.cast(pl.Datetime("us")), TIMESTAMP_3)
    return found
