"""A polled table of Spanner as its information schema describes it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable

import pyarrow as pa
from google.protobuf.struct_pb2 import Value

from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_tables import PolledTable, TableRequest
from pipeline_io.spanner_answer import Answer
from pipeline_io.spanner_session import Parameters
from pipeline_io.spanner_types import SpannerType, UnknownType, parse_type, type_of

Read = Callable[[str, Parameters], Answer]
"""Asks the database: SQL and parameters."""

_STRING = SpannerType("STRING").proto

_TABLES = "SELECT table_schema, table_name FROM information_schema.tables"
_COLUMNS = """
SELECT c.column_name, c.spanner_type, c.is_nullable, IFNULL(o.option_value, '') AS of_commit
FROM information_schema.columns AS c
LEFT JOIN information_schema.column_options AS o
  ON o.table_schema = c.table_schema AND o.table_name = c.table_name
  AND o.column_name = c.column_name AND o.option_name = 'allow_commit_timestamp'
WHERE c.table_schema = @schema AND c.table_name = @table
ORDER BY c.ordinal_position
"""
_INDEXES = """
SELECT i.index_name, i.index_type, IFNULL(i.index_state, 'READ_WRITE') AS state, c.column_name
FROM information_schema.indexes AS i JOIN information_schema.index_columns AS c
  ON c.table_schema = i.table_schema AND c.table_name = i.table_name
  AND c.index_name = i.index_name
WHERE i.table_schema = @schema AND i.table_name = @table AND c.ordinal_position IS NOT NULL
ORDER BY i.index_name, c.ordinal_position
"""
# Of a search index, that comes with a column that nobody can read.
_UNREADABLE = "TOKENLIST"
_KEYS = ("BOOL", "INT64", "NUMERIC", "STRING", "BYTES", "DATE", "TIMESTAMP", "UUID")


@dataclasses.dataclass(frozen=True)
class _Column:
    name: str
    type: SpannerType
    nullable: bool = True
    of_commit: bool = False


@dataclasses.dataclass(frozen=True)
class _Index:
    name: str
    columns: tuple[str, ...]
    primary: bool
    ready: bool


def described(read: Read, request: TableRequest, database: str) -> PolledTable:
    """The table that a request is about.

    database: its name for messages. Raises AuditError.
    """
    label = f"table {request.name!r} of {database}"
    if request.query is not None:
        return _of_query(read, request, label)
    schema, name = _found_table(read, request, label)
    parameters = {"schema": (_STRING, _text(schema)), "table": (_STRING, _text(name))}
    columns = _columns(read(_COLUMNS, parameters), label)
    indexes = _indexes(read(_INDEXES, parameters))
    key = request.key or next((one.columns for one in indexes if one.primary), ())
    if not key:
        message = f"{label} has no primary key; say which columns identify a row (key)"
        raise AuditError(message)
    _check_index(request, indexes, label)
    made = _made(request, columns, key, schema or None, name, label)
    return dataclasses.replace(made, warnings=tuple(_warnings(made, columns, indexes, label)))


def _of_query(read: Read, request: TableRequest, label: str) -> PolledTable:
    if request.index is not None:
        message = (
            f"{label}: 'index' and 'query' are both given; write the index into the query: "
            f"FROM t@{{FORCE_INDEX={request.index}}}"
        )
        raise AuditError(message)
    if not request.key:
        message = f"{label}: a query has no primary key; say which columns identify a row (key)"
        raise AuditError(message)
    query = (request.query or "").rstrip().rstrip(";")
    answer = read(f"SELECT * FROM ({query}) LIMIT 0", {})  # noqa: S608
    columns = []
    for name, proto in zip(answer.names, answer.types, strict=True):
        try:
            columns.append(_Column(name, type_of(proto)))
        except UnknownType as error:
            raise AuditError(_unknown(label, name, error)) from error
    schema, _, name = request.name.rpartition(".")
    made = _made(request, columns, request.key, schema or None, name, label)
    warning = (
        f"{label} is read by a query of your own: whether its update column "
        f"{request.updated!r} is a commit timestamp is not known; each poll reads the last "
        f"{request.overlap_seconds:g} s again, and what is committed later than that after its "
        "update time is found by a sweep alone"
    )
    return dataclasses.replace(made, warnings=(warning,))


def _found_table(read: Read, request: TableRequest, label: str) -> tuple[str, str]:
    tables = read(_TABLES, {})
    schemas, names = tables.texts("table_schema"), tables.texts("table_name")
    known = {
        (f"{schema}.{name}" if schema else f"{name}").casefold(): (schema or "", name or "")
        for schema, name in zip(schemas, names, strict=True)
    }
    if request.name.casefold() not in known:
        there = [".".join(filter(None, one)) for one in known.values() if not _of_system(one[0])]
        message = f"{label} does not exist; {_nearest(request.name, there)}"
        raise AuditError(message)
    return known[request.name.casefold()]


def _columns(answer: Answer, label: str) -> list[_Column]:
    found = []
    for name, written, nullable, of_commit in zip(
        *(answer.texts(each) for each in ("column_name", "spanner_type", "is_nullable")),
        answer.texts("of_commit"),
        strict=True,
    ):
        if written == _UNREADABLE:
            continue
        try:
            kind = parse_type(written or "")
        except UnknownType as error:
            raise AuditError(_unknown(label, name or "", error)) from error
        found.append(_Column(name or "", kind, nullable == "YES", of_commit == "TRUE"))
    return found


def _indexes(answer: Answer) -> list[_Index]:
    found: dict[str, _Index] = {}
    for name, kind, state, column in zip(
        *(answer.texts(each) for each in ("index_name", "index_type", "state", "column_name")),
        strict=True,
    ):
        so_far = found[name or ""].columns if name in found else ()
        columns = (*so_far, column or "")
        found[name or ""] = _Index(
            name or "", columns, kind == "PRIMARY_KEY", state == "READ_WRITE"
        )
    return list(found.values())


def _made(
    request: TableRequest,
    columns: list[_Column],
    key: tuple[str, ...],
    schema: str | None,
    name: str,
    label: str,
) -> PolledTable:
    by_name = {column.name.casefold(): column for column in columns}

    def known(wanted: str, use: str) -> _Column:
        if wanted.casefold() not in by_name:
            there = [column.name for column in columns]
            message = f"{label} has no column {wanted!r} ({use}); {_nearest(wanted, there)}"
            raise AuditError(message)
        return by_name[wanted.casefold()]

    updated = known(request.updated, "the update time")
    if str(updated.type) not in ("TIMESTAMP", "INT64"):
        message = (
            f"{label}: the update column {updated.name!r} is {updated.type}; expected TIMESTAMP, "
            "or INT64 with updated_unit"
        )
        raise AuditError(message)
    if (updated.type.kind == "INT64") != (request.updated_unit is not None):
        message = (
            f"{label}: the update column {updated.name!r} is {updated.type} and updated_unit is "
            f"{request.updated_unit!r}; give it for INT64, and for no other type"
        )
        raise AuditError(message)
    if request.shard_column is not None:
        shard = known(request.shard_column, "the shard")
        if str(shard.type) != "INT64":
            message = f"{label}: the shard column {shard.name!r} is {shard.type}; expected INT64"
            raise AuditError(message)
        request = dataclasses.replace(request, shard_column=shard.name)
    keys = [known(one, "of the key") for one in key]
    for column in keys:
        if column.type.array or column.type.kind not in _KEYS:
            message = (
                f"{label}: the key's column {column.name!r} is {column.type}, which has no order "
                f"that pages can go by; expected one of {', '.join(_KEYS)}"
            )
            raise AuditError(message)
    return PolledTable(
        schema=schema,
        name=name,
        columns=pa.schema([one.type.field(one.name, nullable=one.nullable) for one in columns]),
        key=tuple(column.name for column in keys),
        updated=updated.name,
        request=request,
        source_types=tuple(str(column.type) for column in columns),
    )


def _check_index(request: TableRequest, indexes: list[_Index], label: str) -> None:
    if request.index is None:
        return
    known = {index.name.casefold(): index for index in indexes}
    index = known.get(request.index.casefold())
    if index is None:
        there = [one.name for one in indexes if not one.primary]
        message = f"{label} has no index {request.index!r}; {_nearest(request.index, there)}"
        raise AuditError(message)
    if not index.ready:
        message = f"{label}: the index {index.name!r} is still being filled; wait until it is ready"
        raise AuditError(message)


def _warnings(
    table: PolledTable, columns: list[_Column], indexes: list[_Index], label: str
) -> Iterable[str]:
    updated = next(column for column in columns if column.name == table.updated)
    request = table.request
    if not updated.of_commit:
        yield (
            f"{label}: {table.updated!r} is no commit timestamp: each poll reads the last "
            f"{request.overlap_seconds:g} s again, and a row that is committed later than that "
            "after its update time is found by a sweep alone; write PENDING_COMMIT_TIMESTAMP() to "
            "a column with OPTIONS (allow_commit_timestamp = true)"
        )
    wanted = tuple(filter(None, (request.shard_column, table.updated)))
    starts = {index.columns[: len(wanted)] for index in indexes if index.ready}
    forced = [one for one in indexes if request.index and one.name == request.index]
    if wanted not in ({forced[0].columns[: len(wanted)]} if forced else starts):
        listed = ", ".join(wanted)
        yield (
            f"{label}: {'the index ' + repr(request.index) if forced else 'no index'} "
            f"{'does not begin' if forced else 'begins'} with ({listed}): every poll reads the "
            f"whole table; CREATE INDEX {table.name}_polled ON {table.name} ({listed})"
        )


def _unknown(label: str, column: str, error: UnknownType) -> str:
    return (
        f"{label}: column {column!r}: {error}; leave the column out by a query of your own, or "
        "CAST it there"
    )


def _of_system(schema: str) -> bool:
    return schema.upper() in ("INFORMATION_SCHEMA", "SPANNER_SYS")


def _nearest(name: str, known: Iterable[str]) -> str:
    there = sorted(known)
    near = difflib.get_close_matches(name, there, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(map(repr, there))}" if there else "there is none at all"


def _text(value: str) -> Value:
    return Value(string_value=value)
