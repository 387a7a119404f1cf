"""The present time: one for all rows of a batch, the time that the engine began on it."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from transforms.sql.expression import NOW, Call, Expression
from transforms.sql.functions.arguments import expect_count, result
from transforms.sql.functions.calendar import local_of
from transforms.sql.functions.registration import function
from transforms.sql.types import DATE, SqlType, time, timestamp, timestamp_ltz


def _register(names: tuple[str, ...], kind: SqlType, build: Callable[[str], pl.Expr]) -> None:
    @function(*names)
    def present(call: Call) -> Expression:
        expect_count(call, 0)
        return result(call, build(call.session.time_zone), kind)


def _local(zone: str) -> pl.Expr:
    return local_of(pl.col(NOW), zone)


_register(
    ("PROCTIME", "NOW", "CURRENT_TIMESTAMP", "CURRENT_ROW_TIMESTAMP"),
    timestamp_ltz(3),
    lambda _zone: pl.col(NOW).dt.truncate("1ms"),
)
_register(("LOCALTIMESTAMP",), timestamp(3), lambda zone: _local(zone).dt.truncate("1ms"))
_register(("CURRENT_DATE",), DATE, lambda zone: _local(zone).dt.date())
_register(
    ("CURRENT_TIME", "LOCALTIME"), time(0), lambda zone: _local(zone).dt.truncate("1s").dt.time()
)
