"""One column of rows with its fields decrypted or encrypted, the others as they are."""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa

from transforms.encryption import decrypted, encrypted
from transforms.encryption_ring import KeyRing
from transforms.encryption_rules import EACH, Action, FieldRule
from transforms.encryption_values import text_of

Array: TypeAlias = "pa.Array[Any]"

UNSENT = "__debezium_unavailable_value"
"""Stands for a value that PostgreSQL's connector does not send, since it has not changed."""

BYTES = "bytes"
"""Behind a rule's colon: the field's values are bytes."""

_INT = range(-(2**31), 2**31)


class ChangedColumn(NamedTuple):
    """The column and why rows of it were refused, by their number; those are NULL in it."""

    column: Array
    refused: dict[int, str]


class ColumnCipher:
    """Changes columns by one rule. For several threads."""

    def __init__(self, rule: FieldRule, ring: KeyRing, associated: bytes) -> None:
        self.rule = rule
        self._ring = ring
        self._associated = associated

    def changed(self, values: Sequence[Any], semantic: str | None = None) -> ChangedColumn:
        """The column of plain values (texts, numbers, booleans, NULL)."""
        refused: dict[int, str] = {}
        if len(self.rule.path) > 1:
            texts = [self._in_json(text, row, refused) for row, text in enumerate(values)]
            return ChangedColumn(pa.array(texts, pa.string()), refused)
        found = self._changed(values, refused)
        if self.rule.action is Action.DECRYPT:
            found = self._as_bytes(found, refused)
        return ChangedColumn(_typed(found, semantic), refused)

    def _changed(self, values: Sequence[Any], refused: dict[int, str]) -> list[Any]:
        if self.rule.action is Action.ENCRYPT:
            sealed = encrypted(
                [None if value == UNSENT else value for value in values],
                self._ring,
                self._associated,
            )
            refused |= sealed.refused
            changed: list[Any] = list(sealed.texts)
        else:
            texts = [None if value == UNSENT else value for value in values]
            for row, value in enumerate(texts):
                if value is not None and not isinstance(value, str):
                    refused[row] = (
                        f"it is not of this form: a {type(value).__name__}, and encrypted fields "
                        "are texts"
                    )
                    texts[row] = None
            opened = decrypted(texts, self._ring, self._associated)
            refused |= opened.refused
            changed = list(opened.values)
        for row, value in enumerate(values):
            if value == UNSENT:
                changed[row] = UNSENT
        return changed

    def _as_bytes(self, values: list[Any], refused: dict[int, str]) -> list[Any]:
        """Bytes of Tink's that are texts as well look like texts: the rule tells them apart."""
        if self.rule.semantic == BYTES:
            return [value.encode() if isinstance(value, str) else value for value in values]
        if {str, bytes} <= {type(value) for value in values}:
            for row, value in enumerate(values):
                if isinstance(value, bytes):
                    refused[row] = (
                        "it holds bytes, and others are texts; if it is of bytes, name them: "
                        f"{self.rule}:{BYTES}"
                    )
                    values[row] = None
        return values

    def _in_json(self, text: Any, row: int, refused: dict[int, str]) -> str | None:
        if text is None or text == UNSENT:
            return None if text is None else UNSENT
        try:
            document = json.loads(text)
        except (TypeError, ValueError):
            refused[row] = f"the column {self.rule.column} is no JSON, and the field is in it"
            return None
        whys: dict[int, str] = {}
        for value, replace in list(_places(document, self.rule.path[1:])):
            if isinstance(value, (dict, list)):
                whys[0] = "it is an object or an array; name the fields in it, [*] for each element"
                break
            (new,) = self._changed([value], whys)
            replace(text_of(new) if isinstance(new, (bytes, datetime.datetime)) else new)
        if whys:
            refused[row] = whys[0]
            return None
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _places(document: Any, path: Sequence[str]) -> Iterator[tuple[Any, Callable[[Any], None]]]:
    """Values at the end of a path, and what puts others there. What has no such member has none."""
    name, *rest = path
    each = name.endswith(EACH)
    name = name.removesuffix(EACH)
    if not isinstance(document, dict) or document.get(name) is None:
        return
    if each:
        elements = document[name]
        if not isinstance(elements, list):
            return
        for number, element in enumerate(elements):
            if rest:
                yield from _places(element, rest)
            else:
                yield element, functools.partial(elements.__setitem__, number)
    elif rest:
        yield from _places(document[name], rest)
    else:
        yield document[name], functools.partial(document.__setitem__, name)


def _typed(values: list[Any], semantic: str | None) -> Array:
    """A column of the type that all values have; of their texts where they differ."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) != 1:
        return pa.array([text_of(value) for value in values], pa.string())
    (kind,) = kinds
    if kind is bool:
        return pa.array(values, pa.bool_())
    if kind is int:
        numbers = [value for value in values if value is not None]
        # Debezium's and Connect's days, and milliseconds of a day, are Java's int.
        is_narrow = semantic is not None and semantic.endswith((".Date", ".time.Time"))
        if is_narrow and all(number in _INT for number in numbers):
            return pa.array(values, pa.int32())
        return pa.array(values, pa.int64())
    if kind is float:
        return pa.array(values, pa.float64())
    if kind is bytes:
        return pa.array(values, pa.binary())
    if kind is datetime.datetime:
        return _times(values, semantic)
    return pa.array(values, pa.string())


def _times(values: list[Any], semantic: str | None) -> Array:
    """Connect's Date is a java.util.Date at midnight, and its Timestamp one without a zone."""
    times = [value and value.replace(tzinfo=None) for value in values]
    if semantic is not None and semantic.endswith(".Date"):
        return pa.array([value and value.date() for value in times], pa.date32())
    return pa.array(times, pa.timestamp("ms"))
