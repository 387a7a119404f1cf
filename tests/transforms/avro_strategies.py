"""Hypothesis strategies of Avro schemas with rows, as fastavro's writer takes them."""

import itertools
import string
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

INT = st.integers(-(2**31), 2**31 - 1)
LONG = st.integers(-(2**63), 2**63 - 1)
DAY_MILLIS = 24 * 60 * 60 * 1000


class Typed(NamedTuple):
    """A schema, and the values of it; `name` when others can refer to it."""

    schema: Any
    values: st.SearchStrategy[Any]
    name: str = ""


class Generated(NamedTuple):
    schema: Any
    rows: list[Any]


def _logical(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "logicalType": name}


LEAVES: list[Typed] = [
    Typed("null", st.none()),
    Typed("boolean", st.booleans()),
    Typed("int", INT),
    Typed("long", LONG),
    Typed("float", st.floats(width=32)),
    Typed("double", st.floats()),
    Typed("string", st.text()),
    Typed({"type": "string", "connect.name": "io.debezium.time.ZonedTimestamp"}, st.text()),
    Typed("bytes", st.binary()),
    Typed(_logical("string", "uuid"), st.text()),
    Typed(_logical("int", "date"), INT),
    Typed(_logical("int", "time-millis"), st.integers(0, DAY_MILLIS - 1)),
    Typed(_logical("long", "time-micros"), st.integers(0, 1000 * DAY_MILLIS - 1)),
    *[
        Typed(_logical("long", f"{local}timestamp-{unit}"), LONG)
        for local in ("", "local-")
        for unit in ("millis", "micros", "nanos")
    ],
]


@st.composite
def generated(draw: st.DrawFn) -> Generated:
    """A record schema and up to 8 rows of it."""
    typed = _Drawing(draw).record(depth=3)
    return Generated(typed.schema, draw(st.lists(typed.values, max_size=8)))


class _Drawing:
    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.counter = itertools.count()
        self.named: list[Typed] = []

    def any_type(self, depth: int) -> Typed:
        makers: list[Callable[[int], Typed]] = [self.leaf, self.leaf, self.fixed, self.bytes]
        makers += [self.enum, self.nullable, self.known]
        if depth:
            makers += [self.record, self.array, self.map, self.nullable]
        maker: Callable[[int], Typed] = self.draw(st.sampled_from(makers))
        return maker(depth)

    def leaf(self, _: int) -> Typed:
        leaf: Typed = self.draw(st.sampled_from(LEAVES))
        return leaf

    def known(self, depth: int) -> Typed:
        if not self.named:
            return self.leaf(depth)
        known = self.draw(st.sampled_from(self.named))
        return Typed(known.name, known.values)

    def bytes(self, _: int) -> Typed:
        precision = self.draw(st.integers(1, 76))
        most = 10**precision - 1
        size = (most.bit_length() + 8) // 8
        values = st.integers(-most, most).map(lambda it: it.to_bytes(size, "big", signed=True))
        return Typed(self.digits({"type": "bytes"}, precision), values)

    def fixed(self, _: int) -> Typed:
        schema: dict[str, Any] = {"type": "fixed", "name": self.name()}
        kind = self.draw(st.sampled_from(["plain", "uuid", "duration", "decimal"]))
        size = {"uuid": 16, "duration": 12}.get(kind) or self.draw(st.integers(1, 20))
        schema["size"] = size
        values: st.SearchStrategy[Any] = st.binary(min_size=size, max_size=size)
        if kind == "decimal":
            precision = len(str(2 ** (8 * size - 1) - 1)) - 1
            most = 10**precision - 1
            schema = self.digits(schema, precision)
            values = st.integers(-most, most).map(lambda it: it.to_bytes(size, "big", signed=True))
        elif kind != "plain":
            schema["logicalType"] = kind
        return self.defined(Typed(schema, values, schema["name"]))

    def enum(self, _: int) -> Typed:
        symbols = self.draw(
            st.lists(st.sampled_from(string.ascii_letters), unique=True, min_size=1)
        )
        name = self.name()
        schema = {"type": "enum", "name": name, "symbols": symbols, "default": symbols[0]}
        return self.defined(Typed(schema, st.sampled_from(symbols), name))

    def nullable(self, depth: int) -> Typed:
        inner = self.any_type(max(depth - 1, 0))
        if isinstance(inner.schema, list) or inner.schema == "null":
            return inner
        first = self.draw(st.booleans())
        schema = ["null", inner.schema] if first else [inner.schema, "null"]
        return Typed(schema, st.none() | inner.values)

    def array(self, depth: int) -> Typed:
        items = self.any_type(depth - 1)
        return Typed({"type": "array", "items": items.schema}, st.lists(items.values, max_size=4))

    def map(self, depth: int) -> Typed:
        items = self.any_type(depth - 1)
        values = st.dictionaries(st.text(max_size=5), items.values, max_size=4)
        return Typed({"type": "map", "values": items.schema}, values)

    def record(self, depth: int) -> Typed:
        name = self.name()
        fields: list[dict[str, Any]] = []
        values: dict[str, st.SearchStrategy[Any]] = {}
        for index in range(self.draw(st.integers(0, 5))):
            typed = self.any_type(depth - 1)
            field = {"name": f"field_{index}", "type": typed.schema}
            if isinstance(typed.schema, list) and typed.schema[0] == "null":
                field["default"] = None
            fields.append(field)
            values[field["name"]] = typed.values
        schema = {"type": "record", "name": name, "fields": fields, "connect.name": name}
        return self.defined(Typed(schema, st.fixed_dictionaries(values), name))

    def digits(self, schema: dict[str, Any], precision: int) -> dict[str, Any]:
        scale = self.draw(st.integers(0, precision))
        return {**schema, "logicalType": "decimal", "precision": precision, "scale": scale}

    def name(self) -> str:
        space = self.draw(st.sampled_from(["", "", "a.b.", "c."]))
        return f"{space}Named{next(self.counter)}"

    def defined(self, typed: Typed) -> Typed:
        # Elsewhere only the full name finds it, whatever the namespace there.
        if "." in typed.name:
            self.named.append(typed)
        return typed
