"""Bytes of many values at once: numbers as Avro writes them, and pieces of rows put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Array: TypeAlias = "pa.Array[Any]"

_SEVEN_BITS, _MORE = np.uint64(0x7F), np.uint8(0x80)


def matrix_values(matrix: Bytes, written: Mask) -> pa.LargeBinaryArray:
    """A value a row: the bytes of the row of `matrix` where `written`."""
    offsets = np.zeros(len(matrix) + 1, np.int64)
    np.cumsum(written.sum(axis=1), out=offsets[1:])
    return binary_array(offsets, pa.py_buffer(matrix[written].data))


def binary_array(offsets: npt.NDArray[np.int64], data: pa.Buffer | None) -> pa.LargeBinaryArray:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets).data), data]
    return large_binary(
        pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)
    )


def large_binary(array: Any) -> pa.LargeBinaryArray:
    """An array of strings or binaries as its bytes."""
    found = array.cast(pa.large_binary())
    if not isinstance(found, pa.LargeBinaryArray):
        message = f"the values are {type(found).__name__}, expected a LargeBinaryArray"
        raise TypeError(message)
    return found


def varints(numbers: npt.NDArray[np.int64]) -> tuple[Bytes, Mask]:
    """Zigzag varints of int and long: a row of bytes a number, and which of them are written."""
    zigzag = ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)
    width = max(1, -(-int(zigzag.max(initial=0)).bit_length() // 7))
    matrix = np.empty((len(numbers), width), np.uint8)
    written = np.empty((len(numbers), width), np.bool_)
    rest = zigzag
    for column in range(width):
        written[:, column] = True if column == 0 else rest != 0
        matrix[:, column] = (rest & _SEVEN_BITS).astype(np.uint8)
        if column:
            matrix[:, column - 1] |= np.where(written[:, column], _MORE, np.uint8(0))
        rest = rest >> np.uint64(7)
    return matrix, written


def big_endian(
    low: npt.NDArray[np.uint64], high: npt.NDArray[np.int64], digits: int
) -> tuple[Bytes, Mask]:
    """Integers of 128 bits as Avro writes a decimal of so many digits: their number of bytes, and
    the fewest bytes of two's complement."""
    width = (10**digits).bit_length() // 8 + 1
    sign = high >> 63
    magnitude_high = (high ^ sign).view(np.uint64)
    magnitude_low = low ^ sign.view(np.uint64)
    lengths = np.ones(len(low), np.uint8)
    for needed in range(1, width):
        bit = 8 * needed - 1
        if bit < 64:
            lengths += (magnitude_high != 0) | (magnitude_low >> np.uint64(bit) != 0)
        else:
            lengths += magnitude_high >> np.uint64(bit - 64) != 0
    limbs = np.stack([low, high.view(np.uint64)], axis=1).astype("<u8", copy=False)
    matrix = np.empty((len(low), width + 1), np.uint8)
    # A length of up to 16 is one byte of zigzag.
    matrix[:, 0] = lengths << 1
    matrix[:, 1:] = limbs.view(np.uint8).reshape(-1, 16)[:, width - 1 :: -1]
    written = np.empty(matrix.shape, np.bool_)
    written[:, 0] = True
    written[:, 1:] = np.arange(width, 0, -1) <= lengths[:, None]
    return matrix, written


def prefixed(matrix: Bytes, written: Mask, valid: Mask, present: Mask) -> pa.LargeBinaryArray:
    """The values of a union of null and another type: its branch, then the bytes where `valid`."""
    branch = np.where(valid, np.uint8(2), np.uint8(0))[:, None]
    whole = np.concatenate([branch, matrix], axis=1)
    return matrix_values(
        whole, np.concatenate([present[:, None], written & valid[:, None]], axis=1)
    )


def joined(pieces: Sequence[Array], rows: int) -> pa.LargeBinaryArray:
    """The pieces of each row one after another."""
    if not pieces:
        return binary_array(np.zeros(rows + 1, np.int64), pa.py_buffer(b""))
    empty = pa.scalar(b"", pa.large_binary())
    whole = (
        pieces[0]
        if len(pieces) == 1
        else pc.call_function("binary_join_element_wise", [*pieces, empty])
    )
    return large_binary(whole)


def joined_lists(elements: pa.LargeBinaryArray, counts: npt.NDArray[np.int64]) -> Array:
    """The elements of each list one after another, which they are already in memory."""
    _, offset_buffer, data = elements.buffers()
    offsets = np.frombuffer(
        memoryview(offset_buffer or pa.py_buffer(bytes(8))),
        np.int64,
        count=len(elements) + 1,
        offset=8 * elements.offset,
    )
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return binary_array(offsets[starts], data)
