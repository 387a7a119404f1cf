"""Columns whose value a PostgreSQL event does not have, since it was stored apart and unchanged."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transforms.change_log_values import Array

PLACEHOLDER = "__debezium_unavailable_value"
"""The connector's default for `unavailable.value.placeholder`."""

_BASE64 = base64.b64encode(PLACEHOLDER.encode()).decode()
# As Java's UUID.nameUUIDFromBytes has it: the digest alone, without a namespace before the name.
_UUID = str(
    uuid.UUID(bytes=hashlib.md5(PLACEHOLDER.encode(), usedforsecurity=False).digest(), version=3)
)
_NUMBERS = list(PLACEHOLDER.encode())


def missing_mask(column: Array, raw: Array) -> npt.NDArray[np.bool_] | None:
    """Which values of a plain column stand for one that was not sent; None where none does.

    raw: the column as it was decoded, whose type says which placeholder to look for.
    """
    kind: Any = raw.type
    found: Any
    if pa.types.is_string(kind):
        found = pc.equal(column, pa.scalar(PLACEHOLDER, column.type))
    elif pa.types.is_binary(kind):
        found = pc.equal(column, pa.scalar(_BASE64, column.type))
    elif pa.types.is_list(kind) or pa.types.is_map(kind):
        found = _in_lists(column)
    else:
        return None
    mask: npt.NDArray[np.bool_] = pc.fill_null(found, False).to_numpy(zero_copy_only=False)
    return mask if mask.any() else None


def _in_lists(column: Any) -> Any:
    """A list of the placeholder, of its bytes as numbers, or a map of it to itself."""
    if pa.types.is_map(column.type):
        wanted = [(PLACEHOLDER, PLACEHOLDER)]
        return pa.array([item == wanted for item in column.to_pylist()], pa.bool_())
    values = column.type.value_type
    lengths: Any = pc.list_value_length(column)
    candidates: Any
    if pa.types.is_integer(values):
        candidates = pc.equal(lengths, pa.scalar(len(_NUMBERS)))
        accepted: list[list[object]] = [list(_NUMBERS)]
    elif pa.types.is_string(values) or pa.types.is_large_string(values):
        candidates = pc.equal(lengths, pa.scalar(1))
        accepted = [[PLACEHOLDER], [_BASE64], [_UUID]]
    else:
        return pa.array([False] * len(column), pa.bool_())
    mask = pc.fill_null(candidates, False).to_numpy(zero_copy_only=False).copy()
    for place in np.flatnonzero(mask).tolist():
        mask[place] = column[place].as_py() in accepted
    return pa.array(mask)
