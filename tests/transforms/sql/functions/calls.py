"""What the functions' tests evaluate calls with: the types of their fixtures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an expression gave: its type, a value a row, and ... in place of a refused one."""

    type: str
    values: list[object]
    messages: list[str]


Evaluate = Callable[..., Outcome]
"""`evaluate("UPPER(v)", v=("STRING", ["a", None]))`; `zone` is the session's."""

Check = Callable[..., None]
"""`check(sql, kind, value, result, expected)`: asserts what a call gives for a value."""
