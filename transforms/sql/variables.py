"""`${NAME}` in a script: values from options or the environment, with places kept."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from transforms.sql.errors import Script, Span, SqlError, SqlErrors, did_you_mean

_PIECES = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<string>'(?:[^']|'')*')|(?P<bare>\$\{[^}\n]*\})",
    re.DOTALL,
)
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^}\n]*)?\}")


@dataclasses.dataclass(frozen=True)
class Substituted:
    """A script's text with the values in place, and where each stretch of it came from.

    `pieces` are (start, end, source start, source end), ascending, one for every value put in.
    """

    text: str
    pieces: tuple[tuple[int, int, int, int], ...]

    def source_span(self, span: Span) -> Span:
        """The stretch of the script as its author wrote it for a stretch of `text`."""
        return Span(self._source(span.start, at_end=False), self._source(span.end, at_end=True))

    def _source(self, offset: int, *, at_end: bool) -> int:
        moved = 0
        for start, end, source_start, source_end in self.pieces:
            if offset < start or (offset == start and not at_end):
                break
            if offset < end or (offset == end and not at_end and offset > start):
                return source_end if at_end else source_start
            moved = source_end - end
        return offset + moved


def substitute(script: Script, values: Mapping[str, str]) -> Substituted:
    """The script with each `${NAME}` or `${NAME:-default}` replaced; comments are left alone.

    A value inside quotes has its own quotes doubled, so it stays one string whatever it holds.
    Raises SqlErrors with every name that has no value.
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
                    f"variable {name}, or write ${{{name}:-default}}; "
                    f"{did_you_mean(name, [known for known in values if known.isupper()])}"
                )
                errors.append(SqlError(message, Span(variable.start(), variable.end())))
                continue
            kept = script.text[copied : variable.start()]
            shown = value.replace("'", "''") if piece["string"] else value
            start = length + len(kept)
            pieces.append((start, start + len(shown), variable.start(), variable.end()))
            text += [kept, shown]
            length = start + len(shown)
            copied = variable.end()
    if errors:
        raise SqlErrors([error.located(script) for error in errors])
    return Substituted("".join([*text, script.text[copied:]]), tuple(pieces))


def used_values(script: Script, values: Mapping[str, str]) -> dict[str, str]:
    """Those of `values` that the script names, so that nothing else travels to the workers."""
    names = {variable["name"] for variable in _VARIABLE.finditer(script.text)}
    return {name: values[name] for name in sorted(names) if name in values}
