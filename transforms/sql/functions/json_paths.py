"""Paths into JSON (`lax $.a.b[0]`, `$['a b']`), and what they find. Numbers keep their digits."""

from __future__ import annotations

import dataclasses
import decimal
import json
import re
from collections.abc import Callable

import orjson

WILDCARD = "*"
Step = str | int | tuple[str]
"""A member's name, an element's place (negative from the end), or (WILDCARD,) for all."""

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"()*?@\s]+) | (?P<all>\.\*|\[\s*\*\s*\])
    | \[\s*(?P<index>-?\d{1,9})\s*\] | \[\s*'(?P<single>(?:[^'\\]|\\.)*)'\s*\]
    | \[\s*"(?P<double>(?:[^"\\]|\\.)*)"\s*\]""",
    re.VERBOSE,
)


class PathError(ValueError):
    """A path that is none, or has what is not supported."""


class NotFoundError(LookupError):
    """The text is no JSON, or a strict path leads nowhere."""


@dataclasses.dataclass(frozen=True)
class Path:
    """A path's steps; `lax` where a missing member is an empty result and no error."""

    lax: bool
    steps: tuple[Step, ...]

    @property
    def has_wildcard(self) -> bool:
        return any(isinstance(step, tuple) for step in self.steps)


def parse_path(text: str) -> Path:
    """The path that `text` writes; strict without a word before it, as in Flink."""
    match = re.fullmatch(r"\s*(?:(lax|strict)\s+)?\$(.*)", text, re.IGNORECASE | re.DOTALL)
    if match is None:
        message = f"the path {text!r} does not begin with $; write it as 'lax $.a.b[0]'"
        raise PathError(message)
    rest, position = match.group(2).rstrip(), 0
    steps: list[Step] = []
    while position < len(rest):
        step = _STEP.match(rest, position)
        if step is None:
            message = (
                f"the path {text!r} has {rest[position:]!r}, which is not supported; there is: "
                ".name, ['name'], [0], [*] and .*"
            )
            raise PathError(message)
        steps.append(_step(step))
        position = step.end()
    return Path((match.group(1) or "strict").lower() == "lax", tuple(steps))


def _step(match: re.Match[str]) -> Step:
    if match.group("all"):
        return (WILDCARD,)
    if match.group("index"):
        return int(match.group("index"))
    if match.group("name"):
        return match.group("name")
    quoted = match.group("single") if match.group("single") is not None else match.group("double")
    return re.sub(r"\\(.)", r"\1", quoted)


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


_EXACT = json.JSONDecoder(parse_float=decimal.Decimal, parse_constant=_refuse_constant)


def _parse_exactly(text: str) -> object:
    try:
        # As Flink's parser: what follows the first value is not looked at.
        return _EXACT.raw_decode(text.lstrip(" \t\r\n"))[0]
    except (ValueError, RecursionError) as error:
        message = "the text is no JSON"
        raise NotFoundError(message) from error


def find(text: str, path: Path) -> object:
    """What the path leads to: None for null and, in lax mode, for nothing; a list behind a
    wildcard. Fractions are Decimal, with the digits as written. NotFoundError as its name says."""
    try:
        document = orjson.loads(text)
        found = _follow(document, path)
    except orjson.JSONDecodeError:
        return _follow(_parse_exactly(text), path)
    if isinstance(found, (float, list, dict)):
        # The quick parser rounds fractions and integers beyond 64 bits.
        return _follow(_parse_exactly(text), path)
    return found


def _follow(document: object, path: Path) -> object:
    values: list[object] = [document]
    many = False
    for step in path.steps:
        following: list[object] = []
        for value in values:
            if isinstance(step, tuple):
                following += _members(value)
            elif _has(value, step):
                following.append(value[step])  # type: ignore[index]  # _has checked the kind
            elif not path.lax and not many:
                message = f"nothing at {step!r}"
                raise NotFoundError(message)
        many = many or isinstance(step, tuple)
        values = following
    if many:
        return values
    return values[0] if values else None


def _members(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, dict) else []


def _has(value: object, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(value, list) and -len(value) <= step < len(value)
    return isinstance(value, dict) and step in value


_quoted: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode


def scalar_text(value: object) -> str:
    """A string as it is, a number in its digits, true or false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def json_text(value: object) -> str:
    """JSON of a value without spaces, members sorted by name as Flink writes them."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    if isinstance(value, dict):
        members = (f"{_quoted(name)}:{json_text(value[name])}" for name in sorted(value))
        return "{" + ",".join(members) + "}"
    return scalar_text(value)
