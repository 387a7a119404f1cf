"""How a column of a polled table is asked for, and what its values become."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from pipeline_io.audit_errors import AuditError

JSON = "io.debezium.data.Json"
XML = "io.debezium.data.Xml"
UUID = "io.debezium.data.Uuid"
ENUM = "io.debezium.data.Enum"
ENUM_SET = "io.debezium.data.EnumSet"
BITS = "io.debezium.data.Bits"
YEAR = "io.debezium.time.Year"
ZONED_TIME = "io.debezium.time.ZonedTime"
MICRO_DURATION = "io.debezium.time.MicroDuration"
MOST_DIGITS = 76
"""What a decimal of Arrow holds; longer ones are texts."""

_UNORDERED = {JSON, XML, BITS, ZONED_TIME, MICRO_DURATION, ENUM_SET}


@dataclasses.dataclass(frozen=True)
class Reading:
    """A column: the Arrow field, the SQL that is selected, and where values need a step more.

    Args:
        expression: SQL with `{value}` for the quoted column; None selects the column itself.
        ticks: the values are integers, days or microseconds since 1970 or midnight.
        as_decimal: the values are numbers or texts of an untyped column, made decimals one by one.
        order: SQL by which keys are sorted and compared, where the column itself will not do.
        native: the type that a text is cast to, to be compared with the column.
    """

    field: pa.Field[Any]
    source_type: str
    expression: str | None = None
    ticks: bool = False
    as_decimal: bool = False
    order: str | None = None
    native: str | None = None

    @property
    def connect_name(self) -> str | None:
        metadata = self.field.metadata or {}
        name = metadata.get(b"connect.name")
        return name.decode() if name else None

    def can_be_key(self) -> bool:
        """Whether values sort and compare exactly when they are sent back to the database."""
        kind = self.field.type
        if self.connect_name in _UNORDERED:
            return False
        return (
            pa.types.is_integer(kind)
            or pa.types.is_decimal(kind)
            or pa.types.is_string(kind)
            or pa.types.is_binary(kind)
            or pa.types.is_boolean(kind)
            or pa.types.is_date32(kind)
            or pa.types.is_timestamp(kind)
        )


def field_of(
    name: str, kind: pa.DataType, *, nullable: bool = True, connect_name: str | None = None
) -> pa.Field[Any]:
    """An Arrow field, with what it is for Kafka Connect where the type does not tell."""
    metadata = {"connect.name": connect_name} if connect_name else None
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def decimal_type(digits: int, scale: int) -> pa.DataType | None:
    """Arrow's decimal, or None where it holds no such number."""
    if scale < 0 or scale > digits or not 1 <= digits <= MOST_DIGITS:
        return None
    return pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)


def type_words(source_type: str) -> tuple[str, tuple[int, ...]]:
    """The type in lower case without its numbers, and the numbers:
    `timestamp(3) with time zone` is (`timestamp with time zone`, (3,))."""
    found = re.search(r"\(([^)]*)\)", source_type)
    numbers = re.findall(r"-?\d+", found[1]) if found else []
    name = " ".join(re.sub(r"\([^)]*\)", " ", source_type.lower()).split())
    return name, tuple(int(number) for number in numbers)


def column_array(reading: Reading, values: Sequence[object], table: str) -> pa.Array[Any]:
    """The driver's values of one column, as its Arrow type.

    Raises AuditError for a value that is not of the column's type.
    """
    kind = reading.field.type
    try:
        if reading.ticks:
            ticks = pa.array(values, pa.int64())
            numbers: Any = ticks.cast(pa.int32()) if kind == pa.date32() else ticks
            found: pa.Array[Any] = numbers.view(kind)
            return found
        if reading.as_decimal:
            values = [None if value is None else _decimal(value, kind.scale) for value in values]
        if kind == pa.bool_():
            # Drivers of databases without booleans give 0 and 1.
            values = [None if value is None else bool(value) for value in values]
        made: pa.Array[Any] = pa.array(values, kind)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, InvalidOperation) as error:
        message = (
            f"{table}: column {reading.field.name!r} is {reading.source_type!r}, read as {kind}, "
            f"and holds a value that is none: {str(error)[:300]}; mend the value, or give a query "
            "that casts the column"
        )
        raise AuditError(message) from error
    return made


def _decimal(value: object, scale: int) -> Decimal:
    # A float in its shortest text, not in its binary digits.
    number = Decimal(repr(value) if isinstance(value, float) else str(value))
    return number.quantize(Decimal(1).scaleb(-scale)) if number.is_finite() else number
