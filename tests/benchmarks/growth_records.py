"""A recording's change events with values of their own, as many as one wants, made in columns.

Each of the recording's events becomes a template: a row of bytes, in which the bytes of `id`,
`price` and `created_at` are known. A block of records is that row repeated, with those bytes
written anew: millions a second. The values stay within ranges whose Avro has one length.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import fastavro
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint64]
Change = dict[str, Any]

FIRST_ID = 1 << 27
"""The id of record 0; that of record n is n more."""
FIRST_MOMENT = 1_767_225_600_000_000
_STEP_MICROSECONDS = 1_000_003
_LEAST_CENTS, _CENTS = 1 << 16, 8_000_000
_SCATTER = 2_654_435_761
_HEADER_BYTES = 5
_ID_BYTES, _MOMENT_BYTES, _CENTS_BYTES = 5, 8, 3


def ids(numbers: Numbers) -> Numbers:
    return _sum(numbers, FIRST_ID)


def moments(numbers: Numbers) -> Numbers:
    """`created_at` in microseconds."""
    return _sum(numbers * np.uint64(_STEP_MICROSECONDS), FIRST_MOMENT)


def cents(numbers: Numbers) -> Numbers:
    return _sum(numbers * np.uint64(_SCATTER) % np.uint64(_CENTS), _LEAST_CENTS)


def _sum(numbers: Numbers, more: int) -> Numbers:
    found: Numbers = numbers + np.uint64(more)
    return found


def varints(values: Numbers, width: int) -> Bytes:
    """Avro's longs of positive numbers, a row of `width` bytes each. Raises ValueError where one
    has another length."""
    shifts = np.arange(width, dtype=np.uint64) * np.uint64(7)
    zigzag = values << np.uint64(1)
    if values.size and not 7 * (width - 1) < int(zigzag.min()).bit_length() <= 7 * width:
        message = f"{int(values.min())} has no {width} bytes as an Avro long"
        raise ValueError(message)
    if values.size and int(zigzag.max()).bit_length() > 7 * width:
        message = f"{int(values.max())} has more than {width} bytes as an Avro long"
        raise ValueError(message)
    groups: Bytes = ((zigzag[:, None] >> shifts[None, :]) & np.uint64(0x7F)).astype(np.uint8)
    groups[:, : width - 1] |= np.uint8(0x80)
    return groups


def big_endian(values: Numbers, width: int) -> Bytes:
    """The last `width` bytes of each number, the highest first."""
    rows: Bytes = values.astype(">u8").view(np.uint8).reshape(-1, 8)
    return rows[:, 8 - width :]


def _marks(width: int) -> tuple[int, int]:
    """Two numbers whose Avro longs have `width` bytes and differ in each."""
    one = sum(0x2A << 7 * place for place in range(width))
    other = sum((0x15 if place else 0x14) << 7 * place for place in range(width))
    return one >> 1, other >> 1


@dataclasses.dataclass(frozen=True)
class Column:
    """A column whose values vary.

    Args:
        marks: two values that take as many bytes as all others, and differ in each of them.
        encoded: the bytes of the values of these records, a row each.
    """

    name: str
    marks: tuple[Any, Any]
    encoded: Callable[[Numbers], Bytes]


COLUMNS = (
    Column("id", _marks(_ID_BYTES), lambda n: varints(ids(n), _ID_BYTES)),
    Column("created_at", _marks(_MOMENT_BYTES), lambda n: varints(moments(n), _MOMENT_BYTES)),
    Column(
        "price",
        (Decimal(0x2A2A2A).scaleb(-2), Decimal(0x151515).scaleb(-2)),
        lambda n: big_endian(cents(n), _CENTS_BYTES),
    ),
)


class Template:
    """One event or key of the recording.

    Args:
        framed: as a broker has it, with the id of its schema.
        schema: the writer's, parsed by fastavro.
    """

    def __init__(self, framed: bytes, schema: Any) -> None:
        given: Any = fastavro.schemaless_reader(io.BytesIO(framed[_HEADER_BYTES:]), schema, None)
        one, _ = (
            self._written(given, schema, {c.name: c.marks[i] for c in COLUMNS}) for i in (0, 1)
        )
        self._row = np.frombuffer(framed[:_HEADER_BYTES] + one, np.uint8)
        self._places: list[tuple[Column, list[int]]] = []
        for column in COLUMNS:
            values = {each.name: each.marks[0] for each in COLUMNS}
            changed = {**values, column.name: column.marks[1]}
            after = self._written(given, schema, changed)
            differing = np.flatnonzero(
                np.frombuffer(one, np.uint8) != np.frombuffer(after, np.uint8)
            )
            width = column.encoded(np.zeros(1, np.uint64)).shape[1]
            # An update has the value twice: before and after.
            starts = [int(place) + _HEADER_BYTES for place in differing[::width]]
            self._places.append((column, starts))

    @staticmethod
    def _written(given: Change, schema: Any, values: Change) -> bytes:
        rows = [name for name in ("before", "after") if name in given]
        if rows:
            changed = given | {name: _with(given[name], values) for name in rows}
        else:
            changed = _with(given, values) or {}
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, schema, changed)
        return buffer.getvalue()

    def records(self, numbers: Numbers) -> list[bytes]:
        """The records of these numbers, as a broker has them."""
        rows = np.tile(self._row, (numbers.size, 1))
        for column, starts in self._places:
            encoded = column.encoded(numbers)
            for start in starts:
                rows[:, start : start + encoded.shape[1]] = encoded
        width, joined = self._row.size, rows.tobytes()
        return [joined[start : start + width] for start in range(0, len(joined), width)]


def _with(row: Change | None, values: Change) -> Change | None:
    """The row with other values where it has some."""
    if row is None:
        return None
    return {
        name: values.get(name, value) if value is not None else None for name, value in row.items()
    }


class VariedRecords:
    """Keys and values of any number of records; record n is made of template n modulo their count.

    Args:
        keys, values: one template each for all of the recording's events; a key may be None.
    """

    def __init__(self, keys: Sequence[Template | None], values: Sequence[Template]) -> None:
        self._keys = keys
        self._values = values

    def block(self, start: int, count: int) -> tuple[list[bytes | None], list[bytes]]:
        """Keys and values of the records from `start`, in their order."""
        keys: list[bytes | None] = [None] * count
        values: list[bytes] = [b""] * count
        size = len(self._values)
        for place in range(min(size, count)):
            numbers = np.arange(start + place, start + count, size, dtype=np.uint64)
            which = (start + place) % size
            values[place::size] = self._values[which].records(numbers)
            if key := self._keys[which]:
                keys[place::size] = key.records(numbers)
        return keys, values
