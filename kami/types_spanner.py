"""Every type of Spanner, in the warehouse."""

from __future__ import annotations

import re

from kami.types import WarehouseType, decimal_type

NANOSECONDS = "Spanner keeps nanoseconds; here are microseconds, and the rest is cut"
JSON = "Spanner prints JSON anew; BigQuery rounds numbers beyond 64 bits"
ARRAY = "a JSON array, as text"
FLOAT32 = "Spanner has 32 bits of it"

_DIGITS, _SCALE = 38, 9
_TYPES = {
    "bool": WarehouseType("BOOL", "boolean"),
    "int64": WarehouseType("INT64", "integer"),
    "float32": WarehouseType("FLOAT64", "float", (FLOAT32,)),
    "float64": WarehouseType("FLOAT64", "float"),
    "numeric": decimal_type(_DIGITS, _SCALE),
    "string": WarehouseType("STRING", "text"),
    "bytes": WarehouseType("BYTES", "bytes"),
    "date": WarehouseType("DATE", "date"),
    "timestamp": WarehouseType("TIMESTAMP", "timestamp", (NANOSECONDS,), nanoseconds=True),
    "json": WarehouseType("JSON", "json", (JSON,)),
    "uuid": WarehouseType("STRING", "text"),
}


def spanner_type(source_type: str) -> WarehouseType | None:
    """The type in the warehouse; None for one that no change event has: PROTO, ENUM, INTERVAL."""
    # What a vector's length adds: array<float32>(vector_length=>128).
    text = re.sub(r"\s*\(vector_length=>\d+\)$", "", source_type.strip().lower())
    element = re.fullmatch(r"array<(.+)>", text)
    if element:
        return WarehouseType("STRING", "array", (ARRAY,)) if spanner_type(element[1]) else None
    return _TYPES.get(re.sub(r"\((max|\d+)\)$", "", text))
