"""All parts of the stack by name, in an order in which each comes after what it needs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping

from tests.stack.part import Part, StackError

_MODULES = (
    "kafka",
    "schema_registry",
    "mysql",
    "postgres",
    "pubsub",
    "spanner",
    "bigquery",
    "connect",
    "beam_java",
    "prism",
    "flink",
    "flink_home",
)


def _found() -> dict[str, Part]:
    parts = {}
    for module in _MODULES:
        name = f"tests.stack.{module}"
        if importlib.util.find_spec(name):
            part = importlib.import_module(name).PART
            parts[part.name] = part
    return parts


PARTS: Mapping[str, Part] = _found()


def with_needs(names: Iterable[str]) -> list[Part]:
    """The parts and all that they need, each after its needs; all parts for no name."""
    found: dict[str, Part] = {}

    def add(name: str) -> None:
        if name not in PARTS:
            message = f"{name!r} is no part of the stack; parts are {', '.join(PARTS)}"
            raise StackError(message)
        for need in PARTS[name].needs:
            add(need)
        found.setdefault(name, PARTS[name])

    for name in list(names) or PARTS:
        add(name)
    return list(found.values())
