"""The windows of a statement: TUMBLE, HOP and SESSION as Flink SQL writes them."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Sequence
from typing import TypeGuard

from sqlglot import exp

from transforms.sql.compile_literals import interval
from transforms.sql.errors import SqlError, did_you_mean

WINDOW_COLUMNS = ("window_start", "window_end", "window_time")
"""What TABLE(TUMBLE(...)) and its siblings add to a table's columns."""

MILLISECOND = 1_000
"""Microseconds. Windows end on whole milliseconds, as Beam's and Flink's timestamps do."""


class WindowKind(enum.Enum):
    """How a window is laid out; the value is the function's name."""

    TUMBLE = "TUMBLE"
    HOP = "HOP"
    SESSION = "SESSION"


@dataclasses.dataclass(frozen=True)
class Window:
    """A window over event time.

    size: its length, or a session's gap; slide: from one start to the next, `size` for TUMBLE.
    Both in microseconds.
    """

    kind: WindowKind
    size: int
    slide: int

    def __str__(self) -> str:
        match self.kind:
            case WindowKind.HOP:
                return f"HOP of {_seconds(self.size)} every {_seconds(self.slide)}"
            case WindowKind.SESSION:
                return f"SESSION that ends after {_seconds(self.size)} without a row"
        return f"TUMBLE of {_seconds(self.size)}"


@dataclasses.dataclass(frozen=True)
class WindowCall:
    """A window as a statement says it. time: the column of the event time."""

    window: Window
    time: exp.Expr
    node: exp.Expr


def _seconds(microseconds: int) -> str:
    for unit, length in (("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000)):
        if microseconds % length == 0:
            return f"{microseconds // length} {unit}"
    return f"{microseconds / 1_000:g} ms"


_TABLE_ARGUMENTS = {
    "TUMBLE": "TABLE t, DESCRIPTOR(ts), INTERVAL '5' MINUTE",
    "HOP": "TABLE t, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '1' HOUR",
    "SESSION": "TABLE t, DESCRIPTOR(ts), INTERVAL '30' MINUTE",
}
_GROUP_ARGUMENTS = {
    name: text.removeprefix("TABLE t, ").replace("DESCRIPTOR(ts)", "ts")
    for name, text in _TABLE_ARGUMENTS.items()
}


def is_window_table(node: exp.Expr) -> TypeGuard[exp.Table]:
    """True for TABLE(TUMBLE(...)) in a FROM clause."""
    return isinstance(node, exp.Table) and _called(node.this) == "TABLE"


def is_group_window(node: exp.Expr) -> bool:
    """True for TUMBLE(ts, ...) and its siblings in a GROUP BY clause."""
    return _called(node) in _GROUP_ARGUMENTS


def _called(node: exp.Expr | None) -> str:
    return node.name.upper() if isinstance(node, exp.Anonymous) else ""


@dataclasses.dataclass(frozen=True)
class WindowTable:
    """TABLE(HOP(TABLE t, DESCRIPTOR(ts), ...)) [AS a]: the table, as a node of its own, and its
    window."""

    table: exp.Table
    call: WindowCall


def window_table(node: exp.Table) -> WindowTable:
    """What a windowing table function says. SqlError."""
    calls = node.this.expressions
    call = calls[0] if len(calls) == 1 else node.this
    name = _called(call)
    if name not in _TABLE_ARGUMENTS:
        message = (
            f"TABLE({name or '...'}(...)) is not supported; "
            f"{did_you_mean(name, list(_TABLE_ARGUMENTS))}"
        )
        raise SqlError(message, call)
    arguments = list(call.expressions)
    wrong = SqlError(f"{name} is written so: TABLE({name}({_TABLE_ARGUMENTS[name]}))", call)
    if len(arguments) < 3 or not isinstance(arguments[0], exp.Identifier):
        raise wrong
    descriptor = arguments[1]
    if _called(descriptor) != "DESCRIPTOR" or len(descriptor.expressions) != 1:
        raise wrong
    time = descriptor.expressions[0]
    if not isinstance(time, exp.Column):
        raise wrong
    table = exp.Table(this=arguments[0].copy())
    alias = node.args.get("alias")
    if alias is not None:
        table.set("alias", alias.copy())
    return WindowTable(table, _window(name, time, arguments[2:], call, wrong))


def group_window(call: exp.Expr) -> WindowCall:
    """What TUMBLE(ts, ...) and its siblings of a GROUP BY clause say. SqlError."""
    name = _called(call)
    wrong = SqlError(f"{name} is written so: {name}({_GROUP_ARGUMENTS[name]})", call)
    if len(call.expressions) < 2:
        raise wrong
    time, *rest = call.expressions
    return _window(name, time, rest, call, wrong)


def _window(
    name: str, time: exp.Expr, intervals: Sequence[exp.Expr], call: exp.Expr, wrong: SqlError
) -> WindowCall:
    kind = WindowKind(name)
    wanted = 2 if kind is WindowKind.HOP else 1
    if len(intervals) != wanted or not all(isinstance(one, exp.Interval) for one in intervals):
        raise wrong
    lengths = [_length(one) for one in intervals]
    if kind is WindowKind.HOP:
        slide, size = lengths
        # Flink asks for it too, and it is what makes the windows of one key add up.
        if size % slide:
            message = (
                f"HOP: the size {_seconds(size)} is no multiple of the slide {_seconds(slide)}; "
                "the slide is written first"
            )
            raise SqlError(message, call)
        return WindowCall(Window(kind, size, slide), time, call)
    return WindowCall(Window(kind, lengths[0], lengths[0]), time, call)


def _length(node: exp.Expr) -> int:
    """Microseconds of an interval, which must be whole milliseconds above 0. SqlError."""
    found = interval(node).constant
    if not isinstance(found, datetime.timedelta):
        message = "a window's length is in days, hours, minutes or seconds: months differ in length"
        raise SqlError(message, node)
    length = found // datetime.timedelta(microseconds=1)
    if length <= 0 or length % MILLISECOND:
        message = "a window's length is a whole number of milliseconds above 0"
        raise SqlError(message, node)
    return length
