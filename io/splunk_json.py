"""Payloads that are no JSON, found before they stand in a request among others.

One that is not would end its event early: HEC refuses the request then, or takes an event that
somebody has forged inside another one's text.
"""

from __future__ import annotations

import secrets
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

_ROWS_AT_A_TIME = 5_000
"""Parsed values are ten times as large as their text."""


def not_json(payloads: pa.Array[Any]) -> list[int]:
    """The rows of a large_binary column that are not one JSON value each.

    They are parsed as one array, with a text that nobody can guess between any two: a value that
    reaches into the next one takes that text with it.
    """
    found = []
    for start in range(0, len(payloads), _ROWS_AT_A_TIME):
        part = payloads.slice(start, _ROWS_AT_A_TIME)
        if not _all_json(part):
            found += [
                start + row for row, text in enumerate(part.to_pylist()) if not _is_json(text)
            ]
    return found


def _all_json(payloads: pa.Array[Any]) -> bool:
    mark = secrets.token_hex(16)
    whole: Any = pa.LargeListArray.from_arrays(pa.array([0, len(payloads)], pa.int64()), payloads)
    between = pa.scalar(f',"{mark}",'.encode(), pa.large_binary())
    joined: Any = pc.binary_join(whole, between)
    try:
        values = orjson.loads(b"".join((b"[", joined[0].as_buffer(), b"]")))
    except ValueError:
        return False
    return len(values) == 2 * len(payloads) - 1 and values[1::2].count(mark) == len(payloads) - 1


def _is_json(text: bytes | None) -> bool:
    try:
        orjson.loads(text or b"")
    except ValueError:
        return False
    return True
