"""Parses a writer schema: names, namespaces and references resolved, unions made nullable."""

import dataclasses
import functools
import json
from typing import Any

import pyarrow as pa

from transforms.avro_types import (
    PRIMITIVES,
    AvroSchema,
    AvroType,
    Kind,
    UnsupportedSchema,
    logical_type,
)

# Arrow's C data interface refuses types that are nested more than 64 deep, each map takes two.
MAX_DEPTH = 30
# A few named types that refer to each other twice can mean billions of columns.
MAX_TYPES = 10_000
# The one column of a schema whose top level is not a record (a key that is a bare string).
VALUE_COLUMN = "value"


@functools.lru_cache(maxsize=1024)
def parse_schema(text: str) -> AvroSchema:
    """The columns of a writer schema.

    Raises:
        UnsupportedSchema: the text is no Avro schema, or has no Arrow columns (recursive types,
            unions of several types, decimals of more than 76 digits).
    """
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        # A schema registry serves a bare primitive with or without its quotes.
        if text.strip() not in PRIMITIVES:
            message = f"the schema is not JSON ({error}): {text[:80]!r}"
            raise UnsupportedSchema(message) from None
        parsed = text.strip()
    root = _Parser().parse(parsed, "", "", 0)
    if root.kind != "record" or root.branches:
        root = AvroType("record", pa.struct([root.field(VALUE_COLUMN)]), ((VALUE_COLUMN, root),))
    columns = [item.field(name) for name, item in root.fields]
    metadata: dict[bytes | str, bytes | str] = {**root.metadata}
    return AvroSchema(root, pa.schema(columns, metadata=metadata))


class _Parser:
    def __init__(self) -> None:
        self._named: dict[str, AvroType | None] = {}
        self._types = 0

    def parse(self, schema: object, namespace: str, path: str, depth: int) -> AvroType:
        self._check_limits(1, depth, path)
        if isinstance(schema, list):
            return self._union(schema, namespace, path, depth)
        if isinstance(schema, str):
            return self._reference(schema, namespace, path, depth)
        if not isinstance(schema, dict):
            raise _unsupported(path, f"expected an Avro type, not {schema!r}")
        kind = schema.get("type")
        if isinstance(kind, dict | list):
            inner = self.parse(kind, namespace, path, depth + 1)
            return dataclasses.replace(inner, metadata={**inner.metadata, **_metadata(schema)})
        if kind in ("record", "enum", "fixed"):
            return self._definition(schema, kind, namespace, path, depth)
        if kind == "array":
            items = self.parse(schema.get("items"), namespace, f"{path}[]", depth + 1)
            arrow: pa.DataType = pa.list_(items.field("item"))
            return AvroType("array", arrow, items=items, metadata=_metadata(schema))
        if kind == "map":
            items = self.parse(schema.get("values"), namespace, f"{path}{{}}", depth + 1)
            # pyarrow takes a field here, to keep its metadata; its stubs know of types alone.
            value: Any = items.field("value")
            arrow = pa.map_(pa.string(), value)
            return AvroType("map", arrow, items=items, metadata=_metadata(schema))
        if isinstance(kind, str) and kind in PRIMITIVES:
            wire, arrow = PRIMITIVES[kind]
            return AvroType(
                wire, _logical(schema, wire, arrow, 0, path), metadata=_metadata(schema)
            )
        return self._reference(kind, namespace, path, depth)

    def _union(self, union: list[Any], namespace: str, path: str, depth: int) -> AvroType:
        branches = [self.parse(branch, namespace, path, depth + 1) for branch in union]
        nulls = [index for index, branch in enumerate(branches) if branch.kind == "null"]
        values = [branch for branch in branches if branch.kind != "null"]
        nested = any(branch.branches for branch in branches)
        if not branches or len(nulls) > 1 or len(values) > 1 or nested:
            kinds = ", ".join(branch.kind for branch in branches)
            raise _unsupported(path, f"a union of [{kinds}]; expected null and one other type")
        null_branch = nulls[0] if nulls else None
        value = (values or branches)[0]
        return dataclasses.replace(value, branches=len(branches), null_branch=null_branch)

    def _reference(self, name: object, namespace: str, path: str, depth: int) -> AvroType:
        if not isinstance(name, str):
            raise _unsupported(path, f"expected the name of an Avro type, not {name!r}")
        if name in PRIMITIVES:
            return AvroType(*PRIMITIVES[name])
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        known = full if full in self._named else name
        if known not in self._named:
            raise _unsupported(path, f"type {name!r} is not defined before it is used")
        found = self._named[known]
        if found is None:
            raise _unsupported(path, f"type {known!r} is recursive; Arrow types are finite")
        self._check_limits(*_extent(found, depth), path)
        return found

    def _check_limits(self, types: int, depth: int, path: str) -> None:
        self._types += types
        if depth > MAX_DEPTH:
            raise _unsupported(path, f"the schema is nested more than {MAX_DEPTH} levels deep")
        if self._types > MAX_TYPES:
            raise _unsupported(path, f"the schema has more than {MAX_TYPES:,} types")

    def _definition(
        self, schema: dict[str, Any], kind: Kind, namespace: str, path: str, depth: int
    ) -> AvroType:
        name = schema.get("name")
        if not isinstance(name, str) or not name:
            raise _unsupported(path, f"a {kind} needs a name, not {name!r}")
        if "." not in name:
            space = schema.get("namespace", namespace)
            name = f"{space}.{name}" if space else name
        if name in self._named:
            raise _unsupported(path, f"type {name!r} is defined twice")
        self._named[name] = None
        inner = name.rpartition(".")[0]
        named, metadata = f"t{len(self._named)}", _metadata(schema)
        if kind == "record":
            fields = self._fields(schema, inner, path, depth)
            arrow: pa.DataType = pa.struct([item.field(field) for field, item in fields])
            found = AvroType(kind, arrow, fields, named=named, metadata=metadata)
        elif kind == "enum":
            symbols = schema.get("symbols")
            if not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
                raise _unsupported(path, f"enum {name!r} needs symbols, not {symbols!r}")
            found = AvroType(kind, pa.string(), symbols=tuple(symbols), metadata=metadata)
        else:
            size = schema.get("size")
            if type(size) is not int or not 0 <= size < 2**31:
                raise _unsupported(path, f"fixed {name!r} needs a size in bytes, not {size!r}")
            arrow = _logical(schema, kind, pa.binary(), size, path)
            found = AvroType(kind, arrow, size=size, named=named, metadata=metadata)
        self._named[name] = found
        return found

    def _fields(
        self, schema: dict[str, Any], namespace: str, path: str, depth: int
    ) -> tuple[tuple[str, AvroType], ...]:
        fields: dict[str, AvroType] = {}
        declared = schema.get("fields")
        if not isinstance(declared, list):
            raise _unsupported(path, f"a record needs fields, not {declared!r}")
        for field in declared:
            name = field.get("name") if isinstance(field, dict) else None
            if not isinstance(name, str) or name in fields:
                raise _unsupported(path, f"expected a field with a name of its own, not {field!r}")
            below = f"{path}.{name}" if path else name
            fields[name] = self.parse(field.get("type"), namespace, below, depth + 1)
        return tuple(fields.items())


def _metadata(schema: dict[str, Any]) -> dict[bytes | str, bytes]:
    metadata: dict[bytes | str, bytes] = {}
    if isinstance(name := schema.get("connect.name"), str):
        metadata[b"connect.name"] = name.encode()
    if isinstance(parameters := schema.get("connect.parameters"), dict):
        metadata[b"connect.parameters"] = json.dumps(parameters, sort_keys=True).encode()
    return metadata


def _extent(found: AvroType, depth: int) -> tuple[int, int]:
    """How many types a type that starts at a depth stands for, and the depth that it reaches."""
    inner = [item for _, item in found.fields] + ([found.items] if found.items else [])
    extents = [_extent(item, depth + 1) for item in inner]
    return 1 + sum(types for types, _ in extents), max((end for _, end in extents), default=depth)


def _logical(
    schema: dict[str, Any], kind: Kind, arrow: pa.DataType, size: int, path: str
) -> pa.DataType:
    try:
        return logical_type(schema, kind, arrow, size)
    except UnsupportedSchema as error:
        raise _unsupported(path, str(error)) from None


def _unsupported(path: str, why: str) -> UnsupportedSchema:
    return UnsupportedSchema(f"{path or 'the schema'}: {why}")
