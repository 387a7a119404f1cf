"""`${NAME}` in a script: values from options or the environment, with places kept."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from transforms.sql.errors import Script, Span, SqlError, nearest

_PIECES = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<string>'(?:[^']|'')*')|(?P<name>`[^`]*`)"
    r"|(?P<bare>\$\{[^}\n]*\})",
    re.DOTALL,
)
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^}\n]*)?\}")


@dataclasses.dataclass(frozen=True)
class Substituted:
    """A script's text with the values in place, and where each stretch of it came from.

    `pieces` are (start, end, source start, source end), ascending, one for every value put in.
    `missing` are the errors of names without a value, which stay in the text as they are.
    """

    text: str
    pieces: tuple[tuple[int, int, int, int], ...]
    missing: tuple[SqlError, ...] = ()

    def source_span(self, span: Span) -> Span:
        """The stretch of the script as its author wrote it for a stretch of `text`."""
        return Span(self._source(span.start, at_end=False), self._source(span.end, at_end=True))

    def _source(self, offset: int, *, at_end: bool) -> int:
        moved = 0
        for start, end, source_start, source_end in self.pieces:
            # An end is the place behind a character: it belongs to what stands before it.
            if offset < start or (offset == start and (at_end or start < end)):
                break
            if offset < end:
                return source_end if at_end else source_start
            moved = source_end - end
        return offset + moved


def substitute(script: Script, values: Mapping[str, str]) -> Substituted:
    """The script with each `${NAME}` or `${NAME:-default}` replaced; comments are left alone.

    A value inside quotes has its own quotes doubled, so it stays one string whatever it holds.
    """
    text: list[str] = []
    pieces: list[tuple[int, int, int, int]] = []
    errors: list[SqlError] = []
    length = copied = 0
    for piece in _PIECES.finditer(script.text):
        if piece["comment"]:
            continue
        for variable in _VARIABLE.finditer(script.text, piece.start(), piece.end()):
            name = variable["name"]
            value = values.get(name, variable["default"][2:] if variable["default"] else None)
            if value is None:
                message = (
                    f"${{{name}}} has no value: give --variable {name}=VALUE, set the environment "
                    f"variable {name}, or write ${{{name}:-default}}"
                )
                # The environment's names are not told: most have nothing to do with the job.
                if near := nearest(name, values):
                    message = f"{message}; did you mean {near}?"
                errors.append(SqlError(message, Span(variable.start(), variable.end())))
                continue
            kept = script.text[copied : variable.start()]
            shown = value.replace("'", "''") if piece["string"] else value
            start = length + len(kept)
            pieces.append((start, start + len(shown), variable.start(), variable.end()))
            text += [kept, shown]
            length = start + len(shown)
            copied = variable.end()
    whole = "".join([*text, script.text[copied:]])
    return Substituted(whole, tuple(pieces), tuple(error.located(script) for error in errors))


def used_values(script: Script, values: Mapping[str, str]) -> dict[str, str]:
    """Those of `values` that the script names, so that nothing else travels to the workers."""
    names = {variable["name"] for variable in _VARIABLE.finditer(script.text)}
    return {name: values[name] for name in sorted(names) if name in values}
