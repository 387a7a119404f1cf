"""Instants as a connector writes them, `2026-01-31T23:59:59.500000Z`, cut to what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from transforms.change_log_texts import Array, buffers

_POINT = len("2026-01-31T23:59:59")
_DIGITS = 9


def cut_instants(column: Array) -> Array | None:
    """The texts (String) without the zeros at the end of their fraction of a second.

    None where one of them has another form: another zone, or a year of more digits.
    """
    if not pa.types.is_string(column.type) or column.offset or not len(column):
        return None
    offsets, octets = buffers(column)
    lengths = np.diff(offsets)
    if column.null_count:
        nulls = column.is_null().to_numpy(zero_copy_only=False)
        if lengths[nulls].any():
            return None
        rows = np.flatnonzero(~nulls)
    else:
        rows = np.arange(len(column))
    ends = offsets[1:][rows].astype(np.int64) - 1
    digits = ends - offsets[:-1][rows] - _POINT - 1
    # Without a fraction there is no point: -1 digits.
    if ((digits < -1) | (digits == 0) | (digits > _DIGITS)).any():
        return None
    if (octets[ends] != ord("Z")).any():
        return None
    fractions = digits > 0
    rows, ends, digits = rows[fractions], ends[fractions], digits[fractions]
    if (octets[ends - digits - 1] != ord(".")).any():
        return None
    cut = np.zeros(len(rows), np.int64)
    for back in range(1, _DIGITS + 1):
        there = digits >= back
        last = np.where(there, octets[ends - np.where(there, back, 0)], ord("0"))
        if ((last < ord("0")) | (last > ord("9"))).any():
            return None
        cut += there & (last == ord("0")) & (cut == back - 1)
    cut[cut == digits] += 1
    if not cut.any():
        return column
    steps = np.zeros(len(octets) + 1, np.int8)
    is_cut = cut > 0
    steps[(ends - cut)[is_cut]] = 1
    steps[ends[is_cut]] -= 1
    kept = np.cumsum(steps[:-1], dtype=np.int8) == 0
    shorter = lengths.copy()
    shorter[rows] -= cut.astype(np.int32)
    moved: Any = np.zeros(len(offsets), np.int32)
    np.cumsum(shorter, out=moved[1:])
    texts: Any = octets[offsets[0] : offsets[-1]][kept[offsets[0] : offsets[-1]]]
    validity = column.buffers()[0] if column.null_count else None
    return pa.StringArray.from_buffers(
        len(column), pa.py_buffer(moved), pa.py_buffer(texts), validity
    )
