"""Questions to whole columns of texts or bytes, answered on their buffers."""

from __future__ import annotations

import enum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array: TypeAlias = "pa.Array[Any]"


class Varies(enum.Enum):
    """The answer of `constant` where there is no one value."""

    VARIES = enum.auto()


VARIES: Final = Varies.VARIES


def buffers(column: Any) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Offsets (one more than values) and bytes of a column of String or Binary."""
    raw_offsets: Any
    raw_bytes: Any
    _, raw_offsets, raw_bytes = column.buffers()
    count = len(column)
    if raw_offsets is None or not count:
        return np.zeros(count + 1, np.int32), np.empty(0, np.uint8)
    offsets = np.frombuffer(raw_offsets, np.int32)[column.offset : column.offset + count + 1]
    return offsets, np.frombuffer(b"" if raw_bytes is None else raw_bytes, np.uint8)


def lies_within(column: Array) -> npt.NDArray[np.uint8]:
    """All bytes of the column's values, one after the other."""
    offsets, octets = buffers(column)
    return octets[offsets[0] : offsets[-1]]


def holds_any(column: Array, wanted: bytes) -> bool:
    """Whether any value has one of these bytes."""
    octets = lies_within(column).tobytes()
    return len(octets.translate(None, wanted)) < len(octets)


def without_first(column: Any, count: int) -> Any:
    """Binary values without their first bytes."""
    # Arrow's own default of where to stop makes it allocate less than nothing.
    longest = int(np.diff(buffers(column)[0]).max(initial=0))
    return pc.binary_slice(column, count, max(longest, count))


def constant(column: Any) -> str | Varies | None:
    """The one value (String) that all rows have, None where all are NULL."""
    count = len(column)
    if column.null_count == count:
        return None
    if column.null_count or column.type != pa.string():
        return VARIES
    offsets, octets = buffers(column)
    width = int(offsets[1] - offsets[0])
    if int(offsets[-1] - offsets[0]) != width * count or not (np.diff(offsets) == width).all():
        return VARIES
    whole = octets[offsets[0] : offsets[-1]].tobytes()
    if whole != whole[:width] * count:
        return VARIES
    found: str = column[0].as_py()
    return found


def spread_texts(column: Array, positions: npt.NDArray[np.int64], count: int) -> Array:
    """A column of `count` texts: the given ones (String, none of them NULL) at these ascending
    positions, NULL at the others. Their bytes stay where they are."""
    given, octets = buffers(column)
    offsets: Any = np.full(count + 1, 0, np.int32)
    offsets[positions + 1] = np.diff(given)
    np.cumsum(offsets, out=offsets)
    offsets += given[0]
    is_there = np.zeros(count, np.bool_)
    is_there[positions] = True
    validity: Any = np.packbits(is_there, bitorder="little")
    texts: Any = octets
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(offsets), pa.py_buffer(texts), pa.py_buffer(validity)
    )


def same_width_texts(octets: Any, width: int) -> pa.StringArray:
    """Texts of `width` ASCII bytes each, which lie one after the other."""
    count = octets.size // width
    offsets: Any = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(octets))
