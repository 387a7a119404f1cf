"""What a writer's field and a declared column have to do with each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa

DEBEZIUM_TIMESTAMPS = {"Timestamp": "ms", "MicroTimestamp": "us", "NanoTimestamp": "ns"}
"""Debezium's names of integers that count from 1970, with their unit."""
DEBEZIUM_TIMES = {"Time": "ms", "MicroTime": "us", "NanoTime": "ns"}
"""Debezium's names of integers that count from midnight, with their unit."""


class SchemaMismatch(ValueError):
    """No value of the writer's field can be read as the declared type."""


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a field is read: `select` on the Arrow column, then `value` on the polars column.

    `value` gives the declared type's column and, where single values may not fit, a Boolean that
    is True for those and what was expected of them.
    """

    select: Callable[[pa.Array[Any]], pa.Array[Any]]
    value: Callable[[pl.Expr], pl.Expr]
    refuses: Callable[[pl.Expr], pl.Expr] | None = None
    expected: str = ""


def semantic_type(field: pa.Field[Any]) -> str:
    """Debezium's or Connect's name of a field's type, '' if it has none."""
    name: bytes = (field.metadata or {}).get(b"connect.name", b"")
    return name.decode().rsplit(".", 1)[-1] if _is_semantic(name) else ""


def _is_semantic(name: bytes) -> bool:
    return name.startswith((b"io.debezium.", b"org.apache.kafka.connect.data."))


def declaration_for(field: pa.Field[Any]) -> str:
    """The SQL types that a writer's field can be declared as, for a message."""
    arrow, name = field.type, semantic_type(field)
    if name in DEBEZIUM_TIMESTAMPS and arrow == pa.int64():
        return f"TIMESTAMP({ {'ms': 3, 'us': 6, 'ns': 9}[DEBEZIUM_TIMESTAMPS[name]] }) or BIGINT"
    by_name = {
        "ZonedTimestamp": "TIMESTAMP_LTZ(6) or STRING",
        "Date": "DATE or INT",
        "Time": "TIME(3) or INT",
        "MicroTime": "TIME(6) or BIGINT",
        "NanoTime": "TIME(9) or BIGINT",
        "VariableScaleDecimal": "STRING, or a DECIMAL that holds every value",
    }
    if name in by_name:
        return by_name[name]
    if pa.types.is_decimal(arrow):
        fits = arrow.precision <= 38
        return f"DECIMAL({arrow.precision}, {arrow.scale})" if fits else "STRING"
    if pa.types.is_timestamp(arrow):
        return "TIMESTAMP(3) or BIGINT" if arrow.unit == "ms" else "TIMESTAMP(6) or BIGINT"
    simple: dict[pa.DataType, str] = {
        pa.bool_(): "BOOLEAN",
        pa.int32(): "INT",
        pa.int64(): "BIGINT",
        pa.float32(): "FLOAT",
        pa.float64(): "DOUBLE",
        pa.string(): "STRING",
        pa.binary(): "BYTES",
        pa.date32(): "DATE",
        pa.time32("ms"): "TIME(3)",
        pa.time64("us"): "TIME(6)",
    }
    if arrow in simple:
        return simple[arrow]
    if pa.types.is_struct(arrow):
        return "ROW<...> with the fields that the job needs"
    return "ARRAY<...>" if pa.types.is_list(arrow) else "MAP<..., ...>"
