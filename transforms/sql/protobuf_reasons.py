"""Why a row has no protobuf form: asked only of rows that protobuf itself refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transforms.sql.errors import nearest
from transforms.sql.protobuf_types import Instant, Mapped, Node, Record, Repeated, Value


def reason(values: Mapping[str, Any], record: Record, place: str = "") -> str | None:
    """What is wrong with the members of a message, the first that is found; None if nothing is.

    values: as the message's class takes them, a Python value a member, None for NULL.
    """
    for oneof, names in record.oneofs:
        given = [name for name in names if values[name] is not None]
        if len(given) > 1:
            shown = " and ".join(repr(name) for name in given)
            return (
                f"{place or 'the row'}: {shown} both have a value, and they are of the oneof "
                f"{oneof!r}, which holds one; make the others NULL"
            )
    for name, node in record.members:
        where = f"{place}, field {name!r}" if place else f"column {name!r}"
        value = values[name]
        if value is None:
            if name in record.required:
                return f"{where} is NULL, and the field is required"
        elif (found := _reason(value, node, where)) is not None:
            return found
    return None


def _reason(value: Any, node: Node, where: str) -> str | None:
    match node:
        case Record():
            return reason(value, node, where)
        case Repeated(element):
            return _of_several(((f"element {n}", v, element) for n, v in enumerate(value)), where)
        case Mapped(key, element):
            found = _of_several((("a key", name, key) for name in value), where)
            parts = ((f"the value of {name!r}", part, element) for name, part in value.items())
            return found or _of_several(parts, where)
        case Instant():
            # The one value that is out of range on purpose, see protobuf_rows.
            if value["nanos"] >= 10**9:
                return f"{where} is not in the years 1 to 9999, which a protobuf Timestamp holds"
            return None
        case Value():
            return _of_value(value, node, where)


def _of_several(parts: Any, where: str) -> str | None:
    for name, value, node in parts:
        if value is None:
            return (
                f"{where}: {name} is NULL, which no repeated field and no map holds; leave it out "
                "or COALESCE it"
            )
        if (found := _reason(value, node, f"{where}, {name}")) is not None:
            return found
    return None


def _of_value(value: Any, node: Value, where: str) -> str | None:
    if node.enum is not None and isinstance(value, str):
        names = list(node.enum.values_by_name)
        if value in names:
            return None
        near = nearest(value, names)
        offer = f"did you mean {near}?" if near else f"expected {_shown(names)}"
        return f"{where}: the enum {node.enum.full_name} has no value {value!r}; {offer}"
    if node.low is not None and node.high is not None and not node.low <= value <= node.high:
        return f"{where} is {value}, and the field holds {node.low} to {node.high}"
    closed: Any = node.enum  # the types lack is_closed
    if closed is not None and closed.is_closed and value not in closed.values_by_number:
        numbers = _shown([str(number) for number in closed.values_by_number])
        return f"{where}: the enum {closed.full_name} has no number {value}; expected {numbers}"
    return None


def _shown(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
