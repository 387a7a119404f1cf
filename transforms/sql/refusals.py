"""Finds the rows that an expression refuses, and says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl
from sqlglot import exp

from transforms.dead_letters import Refusal
from transforms.sql.expression import Failure
from transforms.sql.source import POSITION
from transforms.sql.time_text import date_texts, time_texts, timestamp_texts

Where = Callable[[exp.Expr], str]
"""Names a node's place in the script: `transforms.sql.job.Job.where`."""

VALUE_LIMIT = 200
"""Characters of a refused value in a message: enough to recognise it."""


def checks(failures: Sequence[Failure]) -> list[pl.Expr]:
    """One Boolean a failure, `__refused0` and so on, to be selected beside the values."""
    return [
        failure.condition.fill_null(value=False).alias(f"__refused{number}")
        for number, failure in enumerate(failures)
    ]


def any_refused(frame: pl.DataFrame, failures: Sequence[Failure]) -> bool:
    """True if a row of a frame with `checks` is refused; the cheap question, asked first."""
    return any(frame[f"__refused{number}"].any() for number in range(len(failures)))


def refuse(
    frame: pl.DataFrame,
    checked: pl.DataFrame,
    failures: Sequence[Failure],
    stage: str,
    statement: str,
    where: Where,
) -> list[Refusal]:
    """The refusals of a frame's rows: one a record, for the first failure that it meets.

    `checked` has the `checks` of the failures, row for row those of `frame`.
    """
    found: dict[int, Refusal] = {}
    for number, failure in enumerate(failures):
        refused = checked[f"__refused{number}"]
        if not refused.any():
            continue
        shown = failure.value if failure.value is not None else pl.lit(None)
        # Only the refused rows' values are computed again, to be shown.
        rows = frame.filter(refused).select(POSITION, shown.alias("__value"))
        for position, value in zip(rows[POSITION], _shown(rows["__value"]), strict=True):
            if position not in found:
                found[position] = Refusal(
                    position=position,
                    stage=stage,
                    error_class=failure.error_class,
                    message=_message(failure, value, where),
                    statement=statement,
                )
    return list(found.values())


def without(frame: pl.DataFrame, refusals: Sequence[Refusal]) -> pl.DataFrame:
    """The frame without the records that were refused: all rows of each, so that a record is
    either through as a whole or a dead letter."""
    if not refusals:
        return frame
    positions = pl.Series([refusal.position for refusal in refusals], dtype=pl.Int64)
    return frame.filter(~pl.col(POSITION).is_in(positions.implode()))


def _shown(values: pl.Series) -> list[object]:
    """The values for a message; dates and times as text or number, for Python's end with 9999."""
    match values.dtype:
        case pl.Date():
            return date_texts(values).to_list()
        case pl.Time():
            return time_texts(values).to_list()
        case pl.Datetime():
            return timestamp_texts(values).to_list()
    return (values.to_physical() if _holds_times(values.dtype) else values).to_list()


def _holds_times(dtype: pl.DataType | pl.datatypes.DataTypeClass) -> bool:
    match dtype:
        case pl.Struct():
            return any(_holds_times(inner) for inner in dtype.to_schema().values())
        case pl.List():
            return _holds_times(dtype.inner)
    return dtype.is_temporal()


def _message(failure: Failure, value: object, where: Where) -> str:
    text = f"{where(failure.place)}: {failure.message}"
    if failure.value is None:
        return text
    if failure.tells_why:
        return f"{text}: {value}"
    shown = repr(value)
    if len(shown) > VALUE_LIMIT:
        shown = shown[: VALUE_LIMIT - 1] + "…"
    return f"{text}; the value is {shown}"
