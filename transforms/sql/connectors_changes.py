"""Options of sinks whose rows change others by a key: which rows delete, and which are newer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from transforms.sql.connectors import Option, OptionValue

DELETE_ON = "sink.delete-on"
ORDER_KEY = "sink.order-key-column"

NEVER = "never"
_CONDITION = re.compile(r"\s*`?([^`='\"]+?)`?\s*=\s*'([^']*)'\s*")


class Condition(NamedTuple):
    """Which rows are deletes: those with that text in a column."""

    column: str
    value: str


def condition(text: str) -> Condition:
    """The parts of "column = 'value'". Raises ValueError."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        message = f"expected '{NEVER}' or a condition such as \"__deleted = 'true'\""
        raise ValueError(message)
    return Condition(found[1], found[2])


def _delete_on(value: str) -> str:
    if value != NEVER:
        condition(value)
    return value


DELETE_ON_OPTION = Option(
    DELETE_ON,
    "which rows delete the one of their key: never, or a condition such as \"__deleted = 'true'\" "
    "on a column of the sink, which is not stored then; if it is not given, those of change events "
    "whose op is d",
    _delete_on,
)


def wanted_of_deletes(options: Mapping[str, OptionValue]) -> tuple[str, ...]:
    """What is asked of change events to know whether they delete."""
    return () if DELETE_ON in options else ("op",)
