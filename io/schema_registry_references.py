"""One self-contained Avro schema of a schema and of those that define the types it uses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_NAMED = frozenset({"record", "error", "enum", "fixed"})


def inline_references(schema: str, referenced: Iterable[str]) -> str:
    """The schema with each type that it takes from a referenced schema defined where first used.

    A name that nobody defines stays as it is: whoever parses the schema says so.

    Raises ValueError for a text that is not JSON, RecursionError for one that is nested too deep.
    """
    definitions: dict[str, _Definition] = {}
    for text in referenced:
        _collect(json.loads(text), "", definitions)
    return json.dumps(_Inliner(definitions).expand(json.loads(schema), ""))


# A named type, and the namespace that it inherits where it stands.
_Definition = tuple[dict[str, Any], str]


def _collect(schema: object, namespace: str, definitions: dict[str, _Definition]) -> None:
    if isinstance(schema, list):
        for branch in schema:
            _collect(branch, namespace, definitions)
    elif isinstance(schema, dict):
        if _is_named(schema):
            name = _full_name(schema, namespace)
            definitions.setdefault(name, (schema, namespace))
            namespace = name.rpartition(".")[0]
        for field in _fields(schema):
            _collect(field.get("type"), namespace, definitions)
        for key in ("type", "items", "values"):
            _collect(schema.get(key), namespace, definitions)


class _Inliner:
    def __init__(self, definitions: dict[str, _Definition]) -> None:
        self._definitions = definitions
        self._defined: set[str] = set()

    def expand(self, schema: object, namespace: str) -> object:
        if isinstance(schema, str):
            return self._name(schema, namespace)
        if isinstance(schema, list):
            return [self.expand(branch, namespace) for branch in schema]
        if not isinstance(schema, dict):
            return schema
        if _is_named(schema):
            return self._definition(schema, namespace)
        kind = schema.get("type")
        key = {"array": "items", "map": "values"}.get(str(kind), "type")
        return {**schema, key: self.expand(schema[key], namespace)} if key in schema else schema

    def _definition(self, schema: dict[str, Any], namespace: str) -> object:
        name = _full_name(schema, namespace)
        if name in self._defined:
            return name
        self._defined.add(name)
        fields = _fields(schema)
        if not fields:
            return schema
        inner = name.rpartition(".")[0]
        expanded = [{**field, "type": self.expand(field.get("type"), inner)} for field in fields]
        return {**schema, "fields": expanded}

    def _name(self, name: str, namespace: str) -> object:
        if name in _PRIMITIVES:
            return name
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        # As Java's parser does: a short name means the namespace's type, else the one of none.
        for known in (full, name):
            if known in self._defined:
                return known
            if known in self._definitions:
                schema, inherited = self._definitions[known]
                space, _, short = known.rpartition(".")
                # It stands among other names now: it must not inherit their namespace.
                return self._definition({**schema, "name": short, "namespace": space}, inherited)
        return name


def _is_named(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    return isinstance(kind, str) and kind in _NAMED


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    fields = schema.get("fields")
    if not isinstance(fields, list):
        return []
    return [field for field in fields if isinstance(field, dict)]


def _full_name(schema: dict[str, Any], namespace: str) -> str:
    name = str(schema.get("name"))
    if "." in name:
        return name
    space = schema.get("namespace", namespace)
    return f"{space}.{name}" if space else name
