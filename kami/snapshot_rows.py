"""Rows of a snapshot that came as JSON, typed as the snapshot table has them."""

from __future__ import annotations

import base64
import datetime
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from kami.errors import ConfigurationError
from kami.keys import key_text
from kami.schema import SourceColumn, SourceTable
from kami.types import WarehouseType, warehouse_type

UTC = datetime.timezone.utc
_FRACTION = re.compile(r"\.(\d+)")


def typed_rows(
    table: SourceTable,
    rows: Iterable[Mapping[str, object]],
    order_key: str,
    taken_at: datetime.datetime,
    key: Sequence[str] = (),
) -> pa.RecordBatch:
    """The rows with the columns of the table's snapshot table.

    Args:
        rows: decimals as texts, times as ISO texts, bytes as base64; a member that is absent is
            NULL. For snapshots made by hand: one that is read from a database comes in columns.
        order_key: of the anchor.
        key: the columns that identify a row, where the table has no primary key.

    Raises:
        ConfigurationError: a row has a column that the table lacks, no key, or a value that is
            none of its column's type.
    """
    key = tuple(table.primary_key or key)
    if not key:
        message = (
            f"the table {table.name!r} has no primary key: a snapshot of it is of no use without "
            "`key` in its options"
        )
        raise ConfigurationError(message)
    kinds = {column.name: warehouse_type(column, table.dialect) for column in table.columns}
    values: dict[str, list[object]] = {name: [] for name in kinds}
    keys = []
    for number, row in enumerate(rows, 1):
        unknown = row.keys() - kinds.keys()
        if unknown:
            message = (
                f"row {number} of the table {table.name!r} has the columns {sorted(unknown)}, "
                f"which are none of {', '.join(kinds)}"
            )
            raise ConfigurationError(message)
        typed = {
            column.name: _value(row.get(column.name), column, kinds[column.name], table, number)
            for column in table.columns
        }
        keys.append(_key(table, key, typed, number))
        for name, value in typed.items():
            values[name].append(value)
    count = len(keys)
    arrays: dict[str, pa.Array[Any]] = {
        "_key": pa.array(keys, pa.string()),
        "_order_key": pa.array([order_key] * count, pa.string()),
        "_deleted": pa.array([False] * count, pa.bool_()),
        "_snapshot_at": pa.array([taken_at.astimezone(UTC)] * count, pa.timestamp("us", "UTC")),
    }
    for name, kind in kinds.items():
        arrays[name] = pa.array(values[name], arrow_type(kind))
    return pa.RecordBatch.from_pydict(arrays)


def arrow_type(kind: WarehouseType) -> pa.DataType:
    """The Arrow type of a column of the snapshot table; JSON is text."""
    if kind.form in ("decimal", "unsigned"):
        digits, scale = (int(number) for number in re.findall(r"\d+", kind.bigquery))
        return pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)
    return _ARROW[kind.form]


_ARROW: dict[str, pa.DataType] = {
    "text": pa.string(),
    "number": pa.string(),
    "integer": pa.int64(),
    "tiny": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "timestamp": pa.timestamp("us", "UTC"),
    "time": pa.time64("us"),
    "bytes": pa.binary(),
    "json": pa.string(),
    "nested": pa.string(),
    "array": pa.string(),
}


def _key(table: SourceTable, key: Sequence[str], typed: Mapping[str, object], number: int) -> str:
    values: dict[str, object] = {}
    for name in key:
        value = typed[name]
        source_type = table.column(name).source_type
        if isinstance(value, str) and source_type == "uuid":
            value = value.lower()
        elif isinstance(value, str) and source_type.startswith(("numeric", "decimal")):
            value = Decimal(value)
        values[name] = value
    try:
        return key_text(values)
    except TypeError as error:
        message = f"row {number} of the table {table.name!r}: {error}"
        raise ConfigurationError(message) from error


def _value(
    value: object, column: SourceColumn, kind: WarehouseType, table: SourceTable, number: int
) -> object:
    if value is None:
        return None
    try:
        if column.source_type.startswith("time") and kind.form == "text":
            return _time_text(str(value))
        return _READ[kind.form](value)
    except (ValueError, InvalidOperation, TypeError) as error:
        message = (
            f"row {number} of the table {table.name!r}: {column.name!r} is {value!r}, which is no "
            f"{column.source_type} in JSON"
        )
        raise ConfigurationError(message) from error


def _integer(value: object) -> int:
    if isinstance(value, float):
        raise ValueError(value)
    return int({"true": "1", "false": "0"}.get(str(value).lower(), str(value)))


def _boolean(value: object) -> bool:
    return {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}[
        str(value).lower()
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _bounded(value: object, last: str, first: str) -> str | None:
    """The text; the nearest that the type has for infinity, None beyond the years 1 to 9999."""
    text = {"infinity": last, "-infinity": first}.get(str(value), str(value))
    return text if re.match(r"\d{4}-", text) and not text.startswith(("0000", "-")) else None


def _date(value: object) -> datetime.date | None:
    text = _bounded(value, "9999-12-31", "0001-01-01")
    return None if text is None else datetime.date.fromisoformat(text[:10])


def _datetime(value: object) -> datetime.datetime | None:
    text = _bounded(value, "9999-12-31T23:59:59.999999", "0001-01-01T00:00:00")
    if text is None:
        return None
    text = _FRACTION.sub(
        lambda found: "." + found[1][:6].ljust(6, "0"), text.replace("Z", "+00:00")
    )
    return datetime.datetime.fromisoformat(re.sub(r"([+-]\d\d)$", r"\1:00", text))


def _without_zone(value: object) -> datetime.datetime | None:
    read = _datetime(value)
    return None if read is None else read.replace(tzinfo=None)


def _with_zone(value: object) -> datetime.datetime | None:
    """In UTC, also where the text has no zone."""
    read = _datetime(value)
    if read is None:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _time(value: object) -> datetime.time:
    text = "23:59:59.999999" if str(value).startswith("24:00:00") else str(value)
    return datetime.time.fromisoformat(
        _FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), text)
    )


def _time_text(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimal(value: object) -> Decimal | None:
    read = Decimal(str(value))
    return read if read.is_finite() else None


_READ: dict[str, Callable[[object], object]] = {
    "text": _text,
    "number": str,
    "integer": _integer,
    "tiny": _integer,
    "unsigned": lambda value: Decimal(_integer(value)),
    "decimal": _decimal,
    "float": lambda value: float(str(value)),
    "boolean": _boolean,
    "date": _date,
    "datetime": _without_zone,
    "timestamp": _with_zone,
    "time": _time,
    "bytes": lambda value: base64.b64decode(str(value), validate=True),
    "json": _json,
    "nested": _json,
    "array": _json,
}
