"""Errors of an SQL job: each names its place in the script and underlines it."""

from __future__ import annotations

import dataclasses
import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from sqlglot import exp


@dataclasses.dataclass(frozen=True)
class Span:
    """A stretch of a script: offsets in characters, end exclusive."""

    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class Script:
    """An SQL script as its author wrote it, with the name that errors call it by."""

    name: str
    text: str

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        before = self.text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    def underline(self, span: Span, *, hidden: bool = False) -> str:
        """The source line of `span` with a marker under it; `hidden` shows stars in its place."""
        line, column = self.line_and_column(span.start)
        source = self.text.split("\n")[line - 1].removesuffix("\r")
        source = _PASSWORDS.sub(lambda found: "*" * len(found[0]), source)
        start = column - 1
        marked = source[start : start + max(1, span.end - span.start)]
        if hidden:
            source = source[:start] + "*" * len(marked) + source[start + len(marked) :]
        # Tabs are kept in the padding, so that the marker stands under its text in any terminal.
        padding = "".join(
            "\t" if character == "\t" else " " * _cells(character) for character in source[:start]
        )
        marker = "^" * max(1, sum(_cells(character) for character in marked))
        number = f"{line:>5} | "
        return f"{number}{source}\n{' ' * (len(number) - 2)}| {padding}{marker}"


# Passwords in addresses; stars of the same length keep the columns.
_PASSWORDS = re.compile(r"(?<=//)[^\s:/@']*:[^\s']*(?=@)|(?<=[?&;]password=)[^&;'\s]*")


def _cells(character: str) -> int:
    """How many cells of a terminal a character takes."""
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class SqlError(ValueError):
    """One mistake in a script.

    `message` says what is wrong, what was expected and the next step; `place` is the node or span
    it is about, `hidden` where it must not be shown (a password). `str()` is the message alone
    until `located` adds the script.
    """

    def __init__(
        self, message: str, place: exp.Expr | Span | None = None, *, hidden: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.span = span_of(place) if isinstance(place, exp.Expr) else place
        self.script: Script | None = None
        self.hidden = hidden

    def located(self, script: Script) -> SqlError:
        """The same error, told in terms of `script`. The first script given stays."""
        if self.script is None:
            self.script = script
        return self

    def __str__(self) -> str:
        if self.script is None:
            return self.message
        if self.span is None:
            return f"{self.script.name}: {self.message}"
        line, column = self.script.line_and_column(self.span.start)
        where = f"{self.script.name}:{line}:{column}"
        return f"{where}: {self.message}\n{self.script.underline(self.span, hidden=self.hidden)}"


class SqlErrors(ValueError):
    """Every mistake that was found in a script, once each, in the order of the script."""

    def __init__(self, errors: Sequence[SqlError]) -> None:
        # A view with a mistake tells of it wherever it is used.
        distinct = {(error.span, error.message): error for error in errors}
        self.errors = tuple(
            sorted(distinct.values(), key=lambda error: error.span.start if error.span else -1)
        )
        super().__init__("\n\n".join(str(error) for error in self.errors))


def span_of(node: exp.Expr) -> Span | None:
    """The stretch of the script that a node was parsed from, or None for a node made by code."""
    places = [part.meta for part in node.walk() if "start" in part.meta]
    if not places:
        return span_of(node.parent) if isinstance(node.parent, exp.Expr) else None
    return Span(min(place["start"] for place in places), max(place["end"] for place in places) + 1)


def errors_of(error: SqlError | SqlErrors) -> list[SqlError]:
    """The mistakes that one exception tells of."""
    return [error] if isinstance(error, SqlError) else list(error.errors)


def nearest(name: str, known: Iterable[str]) -> str:
    """The names of `known` that `name` may stand for, joined by "or"; "" if none is near."""
    names = sorted(set(known))
    same = [other for other in names if other.lower() == name.lower()]
    near = same or difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return " or ".join(repr(other) for other in near)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence's end that offers the nearest names, or lists what there is."""
    names = sorted(set(known))
    if near := nearest(name, names):
        return f"did you mean {near}?"
    if not names:
        return "there is none"
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"there is: {shown}"
