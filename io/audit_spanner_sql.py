"""The SQL that reads a polled table of Spanner, page by page."""

from __future__ import annotations

import base64
import dataclasses
import datetime
from collections.abc import Sequence
from decimal import Decimal

from google.cloud.spanner_v1.types import StructType, Type, TypeCode
from google.protobuf.struct_pb2 import ListValue, NullValue, Value

from pipeline_io.audit_tables import UNITS, Cursor, PolledTable, Shard
from pipeline_io.spanner_session import Parameters
from pipeline_io.spanner_types import SpannerType, parse_type

MOST_COUNTED = 1_000
"""Rows that are counted at most: more take long, and say no more."""

INT64 = SpannerType("INT64")
TIMESTAMP = SpannerType("TIMESTAMP")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_FIRST_US = -62_135_596_800_000_000
_LAST_US = 253_402_300_799_999_999


@dataclasses.dataclass(frozen=True)
class Place:
    """A place in an order of rows: Spanner's values of the columns that it goes by. A value that
    is missing at the end stands before all rows that have those before it."""

    values: tuple[Value, ...]


@dataclasses.dataclass(frozen=True)
class Statement:
    """SQL with its parameters."""

    sql: str
    parameters: Parameters


def changed(
    table: PolledTable, shard: Shard, after: Place | None, upto_us: int, limit: int
) -> Statement:
    """A page of rows after a place in the order (update time, key), up to a time."""
    parameters: dict[str, tuple[Type, Value]] = {"upto": _end(table, upto_us)}
    # Nanoseconds of the last microsecond belong to it.
    below = "<" if type_of_column(table, table.updated).kind == "TIMESTAMP" else "<="
    updated = _quoted(table.updated)
    tests = [*_of_shard(table, shard, parameters), f"{updated} {below} @upto"]
    order = (table.updated, *table.key)
    if after is not None:
        parameters["place0"] = (type_of_column(table, table.updated).proto, after.values[0])
        # The first test alone is what an index is searched by.
        tests += [f"{updated} >= @place0", _after(table, order, after, parameters)]
    else:
        tests.append(f"{updated} IS NOT NULL")
    columns = ", ".join(map(_quoted, table.columns.names))
    return Statement(_page(columns, _rows_of(table, hint=True), tests, order, limit), parameters)


def keys(table: PolledTable, shard: Shard, after: Place | None, limit: int) -> Statement:
    """A page of keys and update times after a place in the order of keys."""
    parameters: dict[str, tuple[Type, Value]] = {}
    tests = _of_shard(table, shard, parameters)
    if after is not None:
        tests.append(_after(table, table.key, after, parameters))
    columns = ", ".join(map(_quoted, dict.fromkeys((*table.key, table.updated))))
    rows = _rows_of(table, hint=False)
    return Statement(_page(columns, rows, tests or ["TRUE"], table.key, limit), parameters)


def rows(table: PolledTable, wanted: Sequence[Sequence[Value]]) -> Statement:
    """The rows that have these keys; `wanted` has the values of each."""
    kinds = [type_of_column(table, name).proto for name in table.key]
    fields = [StructType.Field(name=f"k{place}", type_=kind) for place, kind in enumerate(kinds)]
    struct = Type(code=TypeCode.STRUCT, struct_type=StructType(fields=fields))
    array = Type(code=TypeCode.ARRAY, array_element_type=struct)
    lists = [Value(list_value=ListValue(values=key)) for key in wanted]
    matches = []
    for place, name in enumerate(table.key):
        column, key = f"r.{_quoted(name)}", f"w.k{place}"
        match = f"{column} = {key}"
        if table.columns.field(name).nullable:
            match = f"({match} OR ({column} IS NULL AND {key} IS NULL))"
        matches.append(match)
    columns = ", ".join(f"r.{_quoted(name)}" for name in table.columns.names)
    sql = (
        f"SELECT {columns} FROM UNNEST(@keys) AS w JOIN {_rows_of(table, hint=False)} AS r "  # noqa: S608
        f"ON {' AND '.join(matches)}"
    )
    return Statement(sql, {"keys": (array, Value(list_value=ListValue(values=lists)))})


def without_time(table: PolledTable) -> Statement:
    """How many rows have no update time, up to MOST_COUNTED."""
    test = f"{_quoted(table.updated)} IS NULL LIMIT {MOST_COUNTED}"
    some = f"SELECT 1 FROM {_rows_of(table, hint=False)} AS r WHERE {test}"  # noqa: S608
    return Statement(f"SELECT COUNT(*) AS `rows` FROM ({some})", {})  # noqa: S608


def place_of(table: PolledTable, cursor: Cursor) -> Place:
    """The place of a cursor. Of an update time with nanoseconds a cursor has the microsecond:
    all rows of the rest of it come after the cursor, so that none is left out."""
    kind = type_of_column(table, table.updated)
    if kind.kind == "TIMESTAMP":
        first = _text(moment(cursor.us))
    else:
        first = _text(str(cursor.us // UNITS[table.request.updated_unit or "us"]))
    return Place((first, *(written(value) for value in cursor.key)))


def moment(us: int) -> str:
    """Microseconds since 1970 as TIMESTAMP's text, within the years that Spanner has."""
    at = _EPOCH + datetime.timedelta(microseconds=min(max(us, _FIRST_US), _LAST_US))
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def written(value: object) -> Value:
    """A value of a key as Spanner has it."""
    match value:
        case None:
            return Value(null_value=NullValue.NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case bytes():
            return _text(base64.b64encode(value).decode())
        case Decimal():
            return _text(f"{value:f}")
        case datetime.datetime():
            return _text(moment((value - _EPOCH) // datetime.timedelta(microseconds=1)))
        case datetime.date():
            return _text(value.isoformat())
    return _text(str(value))


def type_of_column(table: PolledTable, name: str) -> SpannerType:
    return parse_type(table.source_types[table.columns.get_field_index(name)])


def _end(table: PolledTable, upto_us: int) -> tuple[Type, Value]:
    if type_of_column(table, table.updated).kind == "TIMESTAMP":
        return TIMESTAMP.proto, _text(moment(upto_us + 1))
    return INT64.proto, _text(str(upto_us // UNITS[table.request.updated_unit or "us"]))


def _of_shard(
    table: PolledTable, shard: Shard, parameters: dict[str, tuple[Type, Value]]
) -> list[str]:
    if table.request.shard_column is None or (shard.low is None and shard.high is None):
        return []
    column = _quoted(table.request.shard_column)
    for name, value in (("low", shard.low), ("high", shard.high)):
        if value is not None:
            parameters[name] = (INT64.proto, _text(str(value)))
    if shard.low is None:
        # No value falls outside of all shards, not even the lack of one.
        return [f"({column} <= @high OR {column} IS NULL)"]
    if shard.high is None:
        return [f"{column} >= @low"]
    # Of one value the rows are in the order of an index by (shard, update time).
    return [f"{column} = @low" if shard.low == shard.high else f"{column} BETWEEN @low AND @high"]


def _after(
    table: PolledTable,
    order: Sequence[str],
    place: Place,
    parameters: dict[str, tuple[Type, Value]],
) -> str:
    """The test of rows after a place: (a, b) > (@a, @b), written out; NULL comes first."""
    found = ""
    for number in reversed(range(len(place.values))):
        value, column = place.values[number], _quoted(order[number])
        if value.HasField("null_value"):
            above, same = f"{column} IS NOT NULL", f"{column} IS NULL"
        else:
            name = f"place{number}"
            parameters[name] = (type_of_column(table, order[number]).proto, value)
            above, same = f"{column} > @{name}", f"{column} = @{name}"
        if found:
            found = f"({above} OR ({same} AND {found}))"
        elif number == len(order) - 1:
            found = above
        else:
            # The place stands before all rows of these values.
            found = f"({above} OR {same})"
    return found


def _page(columns: str, source: str, tests: Sequence[str], order: Sequence[str], limit: int) -> str:
    return (
        f"SELECT {columns} FROM {source} AS r WHERE {' AND '.join(tests)} "  # noqa: S608
        f"ORDER BY {', '.join(map(_quoted, order))} LIMIT {limit}"
    )


def _rows_of(table: PolledTable, *, hint: bool) -> str:
    request = table.request
    if request.query is not None:
        return f"({request.query.rstrip().rstrip(';')})"
    name = ".".join(_quoted(part) for part in (table.schema, table.name) if part)
    if hint and request.index is not None:
        return f"{name}@{{FORCE_INDEX={_quoted(request.index)}}}"
    return name


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _text(value: str) -> Value:
    return Value(string_value=value)
