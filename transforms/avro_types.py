"""What an Avro schema means in Arrow: the types, names and nullability of its columns.

| Avro | Arrow |
|---|---|
| null, boolean, int, long, float, double | null, bool, int32, int64, float, double |
| bytes, fixed | binary |
| string, enum, uuid (on string or fixed of 16) | string |
| decimal up to 38 digits, up to 76 digits | decimal128, decimal256 |
| date; time-millis, time-micros | date32; time32(ms), time64(us) |
| timestamp-millis, -micros, -nanos | timestamp(unit, UTC) |
| local-timestamp-millis, -micros, -nanos | timestamp(unit) |
| duration | struct of months, days, milliseconds (uint32) |
| record, array, map | struct, list, map |
| union of null and one type, in either order | the type, nullable |

A time of day is what was written: 24:00:00 (PostgreSQL) and more (MySQL) stay, though polars
reads them as null. A logical type that Avro calls invalid (a scale above the precision, a date
on a string) is ignored, as Avro's specification says. Debezium's and Connect's semantic types
travel in field metadata: `connect.name` as text and `connect.parameters` as JSON.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import pyarrow as pa

Kind = Literal[
    "null",
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "bytes",
    "string",
    "fixed",
    "enum",
    "array",
    "map",
    "record",
]

# The digits of decimal256.
MAX_PRECISION = 76

DURATION = pa.struct(
    [pa.field(part, pa.uint32(), nullable=False) for part in ("months", "days", "milliseconds")]
)

PRIMITIVES: dict[str, tuple[Kind, pa.DataType]] = {
    "null": ("null", pa.null()),
    "boolean": ("boolean", pa.bool_()),
    "int": ("int", pa.int32()),
    "long": ("long", pa.int64()),
    "float": ("float", pa.float32()),
    "double": ("double", pa.float64()),
    "bytes": ("bytes", pa.binary()),
    "string": ("string", pa.string()),
}

_TIMES: dict[tuple[str, str], pa.DataType] = {
    ("int", "date"): pa.date32(),
    ("int", "time-millis"): pa.time32("ms"),
    ("long", "time-micros"): pa.time64("us"),
    ("long", "timestamp-millis"): pa.timestamp("ms", "UTC"),
    ("long", "timestamp-micros"): pa.timestamp("us", "UTC"),
    ("long", "timestamp-nanos"): pa.timestamp("ns", "UTC"),
    ("long", "local-timestamp-millis"): pa.timestamp("ms"),
    ("long", "local-timestamp-micros"): pa.timestamp("us"),
    ("long", "local-timestamp-nanos"): pa.timestamp("ns"),
}


class UnsupportedSchema(ValueError):
    """A writer schema that is not Avro, or whose records cannot become Arrow columns."""


@dataclasses.dataclass(frozen=True)
class AvroType:
    """One type of a writer schema: how it is written (`kind`) and what it becomes (`arrow`)."""

    kind: Kind
    arrow: pa.DataType
    fields: tuple[tuple[str, "AvroType"], ...] = ()
    items: "AvroType | None" = None
    symbols: tuple[str, ...] = ()
    size: int = 0
    named: str = ""
    metadata: Mapping[bytes | str, bytes] = dataclasses.field(default_factory=dict)
    # Number of branches of the union around the type (0: no union), and which of them is null.
    branches: int = 0
    null_branch: int | None = None

    @property
    def nullable(self) -> bool:
        return self.kind == "null" or self.null_branch is not None

    @property
    def takes_no_bytes(self) -> bool:
        if self.branches:
            return False
        if self.kind == "record":
            return all(item.takes_no_bytes for _, item in self.fields)
        return self.kind == "null" or (self.kind == "fixed" and self.size == 0)

    @property
    def digits(self) -> tuple[int, int] | None:
        """Precision and scale of a decimal."""
        if isinstance(self.arrow, pa.Decimal128Type | pa.Decimal256Type):
            return self.arrow.precision, self.arrow.scale
        return None

    def field(self, name: str) -> "pa.Field[Any]":
        metadata: dict[bytes | str, bytes] = {**self.metadata}
        return pa.field(name, self.arrow, nullable=self.nullable, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class AvroSchema:
    """A writer schema; `root` is always a record, whose fields are the columns of `arrow`."""

    root: AvroType
    arrow: pa.Schema


def logical_type(
    schema: Mapping[str, Any], kind: Kind, arrow: pa.DataType, size: int
) -> pa.DataType:
    """The Arrow type of a schema's logical type; `arrow` where there is none that is valid."""
    logical = schema.get("logicalType")
    if not isinstance(logical, str):
        return arrow
    if logical == "decimal" and (kind == "bytes" or (kind == "fixed" and size)):
        precision, scale = schema.get("precision"), schema.get("scale", 0)
        if type(precision) is not int or type(scale) is not int or not 0 <= scale <= precision:
            return arrow
        if precision == 0:
            return arrow
        if precision > MAX_PRECISION:
            message = f"decimal({precision}, {scale}) has more digits than Arrow's {MAX_PRECISION}"
            raise UnsupportedSchema(message)
        decimal = pa.decimal128 if precision <= 38 else pa.decimal256
        return decimal(precision, scale)
    if logical == "uuid" and kind == "fixed" and size == 16:
        return pa.string()
    if logical == "duration" and kind == "fixed" and size == 12:
        return DURATION
    return _TIMES.get((kind, logical), arrow)
