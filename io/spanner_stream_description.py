"""What a change stream of Spanner watches and captures, and whether whole rows can be had of it."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from google.cloud.spanner_v1.types import Type, TypeCode
from google.protobuf.struct_pb2 import Value

from pipeline_io.spanner_answer import Answer
from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_errors import SpannerError

Read = Callable[..., Answer]
"""`SpannerSession.read`."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_GOOGLE_SQL = "GOOGLE_STANDARD_SQL"
WHOLE_ROWS = ("NEW_ROW_AND_OLD_VALUES", "NEW_ROW")
"""What value_capture_type is where each change carries the whole row."""
_DEFAULT_CAPTURE = "OLD_AND_NEW_VALUES"
_NAMED_QUERIES = {
    "streams": "SELECT CHANGE_STREAM_NAME, `ALL` FROM INFORMATION_SCHEMA.CHANGE_STREAMS",
    "options": "SELECT OPTION_NAME, OPTION_VALUE FROM INFORMATION_SCHEMA.CHANGE_STREAM_OPTIONS "
    "WHERE CHANGE_STREAM_NAME = @stream",
    "tables": "SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.CHANGE_STREAM_TABLES "
    "WHERE CHANGE_STREAM_NAME = @stream AND ALL_COLUMNS",
    "listed_columns": "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME "
    "FROM INFORMATION_SCHEMA.CHANGE_STREAM_COLUMNS WHERE CHANGE_STREAM_NAME = @stream",
    "listed_tables": "SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.CHANGE_STREAM_TABLES "
    "WHERE CHANGE_STREAM_NAME = @stream AND NOT ALL_COLUMNS",
    "columns": "SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.SPANNER_TYPE, "
    "c.IS_GENERATED FROM INFORMATION_SCHEMA.COLUMNS c JOIN INFORMATION_SCHEMA.TABLES t "
    "ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME "
    "WHERE t.TABLE_TYPE = 'BASE TABLE' "
    "AND c.TABLE_SCHEMA NOT IN ('INFORMATION_SCHEMA', 'SPANNER_SYS') "
    "ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION",
    "keys": "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.INDEX_COLUMNS "
    "WHERE INDEX_TYPE = 'PRIMARY_KEY' ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
}
_DIALECT = (
    "SELECT option_value AS dialect FROM information_schema.database_options "
    "WHERE option_name = 'database_dialect'"
)


class ChangeStreamError(SpannerError):
    """A change stream cannot be read as it is; the message says the statement that mends it."""


@dataclasses.dataclass(frozen=True)
class WatchedColumn:
    """spanner_type: as the information schema has it, such as STRING(MAX)."""

    name: str
    spanner_type: str


@dataclasses.dataclass(frozen=True)
class WatchedTable:
    """name: as the stream's records have it, with its schema in front where it is in one.

    columns: those that changes carry. unwatched: those that they do not.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[WatchedColumn, ...]
    unwatched: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class ChangeStream:
    """A change stream whose records carry whole rows."""

    name: str
    capture: str
    retention: str
    tables: tuple[WatchedTable, ...]
    warnings: tuple[str, ...] = ()


def describe_stream(read: Read, config: SpannerConfig, name: str) -> ChangeStream:
    """The change stream of that name.

    Raises ChangeStreamError: no such stream, a PostgreSQL database, options with which changes lack
    columns, or deletes. What reading raises.
    """
    what = f"the change stream {name!r} cannot be described"
    if not _NAME.fullmatch(name):
        message = f"--change_stream={name}: expected its name, letters, digits and _"
        raise ChangeStreamError(message)
    _check_dialect(read(what, _DIALECT), config)
    parameter = {"stream": (Type(code=TypeCode.STRING), Value(string_value=name))}
    answers = {
        part: read(what, sql, parameter if "@stream" in sql else None)
        for part, sql in _NAMED_QUERIES.items()
    }
    watches_all = _watches_all(answers["streams"], config, name)
    options = {option: value for option, value in _rows(answers["options"])}
    capture = _checked_capture(options, config, name)
    tables = tuple(_tables(answers, watches_all))
    if not tables:
        message = (
            f"the change stream {name} of {config} watches no table; ALTER CHANGE STREAM {name} "
            "SET FOR ALL, or name the tables"
        )
        raise ChangeStreamError(message)
    warnings = [
        f"{table.name}: changes lack {', '.join(table.unwatched)}, which the stream {name} does "
        "not carry (generated columns never are); a view of the table lacks them too"
        for table in tables
        if table.unwatched
    ]
    if options.get("allow_txn_exclusion", "").lower() == "true":
        warnings.append(
            f"{name} has allow_txn_exclusion: transactions may leave themselves out of it, and "
            "their changes never arrive"
        )
    retention = options.get("retention_period", "1d")
    return ChangeStream(name, capture, retention, tables, tuple(warnings))


def _check_dialect(answer: Answer, config: SpannerConfig) -> None:
    (dialect,) = answer.texts("dialect") or [_GOOGLE_SQL]
    if dialect != _GOOGLE_SQL:
        message = (
            f"{config} has the dialect {dialect}; expected {_GOOGLE_SQL}: change streams of "
            "databases in PostgreSQL's dialect are not read. Poll their tables instead: python -m "
            "pipelines.audit_columns"
        )
        raise ChangeStreamError(message)


def _watches_all(streams: Answer, config: SpannerConfig, name: str) -> bool:
    names = [one or "" for one in streams.texts("CHANGE_STREAM_NAME")]
    if name not in names:
        near = difflib.get_close_matches(name, names, 1) or sorted(names)
        there = f"did you mean {near[0]}?" if near else f"CREATE CHANGE STREAM {name} FOR ALL ..."
        message = f"{config} has no change stream {name!r}; {there}"
        raise ChangeStreamError(message)
    values = streams.columns[streams.names.index("ALL")]
    return bool(values[names.index(name)].bool_value)


def _checked_capture(options: Mapping[str, str], config: SpannerConfig, name: str) -> str:
    capture = options.get("value_capture_type", _DEFAULT_CAPTURE)
    if capture not in WHOLE_ROWS:
        message = (
            f"the change stream {name} of {config} captures {capture}, where an update has only "
            f"the columns that it wrote; a row cannot be made of that. Run: {_alter(name)}, and "
            "start later than that"
        )
        raise ChangeStreamError(message)
    for option in ("exclude_delete", "exclude_insert", "exclude_update", "exclude_ttl_deletes"):
        if options.get(option, "").lower() == "true":
            message = (
                f"the change stream {name} of {config} has {option}, so that changes are missing. "
                f"Run: ALTER CHANGE STREAM {name} SET OPTIONS ({option} = false)"
            )
            raise ChangeStreamError(message)
    mode = options.get("partition_mode", "IMMUTABLE_KEY_RANGE")
    if mode != "IMMUTABLE_KEY_RANGE":
        message = (
            f"the change stream {name} of {config} has the partition_mode {mode}, whose records "
            "are of another kind; create one with partition_mode = 'IMMUTABLE_KEY_RANGE'"
        )
        raise ChangeStreamError(message)
    return capture


def _alter(name: str) -> str:
    return f"ALTER CHANGE STREAM {name} SET OPTIONS (value_capture_type = '{WHOLE_ROWS[0]}')"


def _tables(answers: Mapping[str, Answer], watches_all: bool) -> Iterator[WatchedTable]:
    whole = {_full(*row) for row in _rows(answers["tables"])}
    listed: dict[str, set[str]] = {_full(*row): set() for row in _rows(answers["listed_tables"])}
    for schema, table, column in _rows(answers["listed_columns"]):
        listed.setdefault(_full(schema, table), set()).add(column)
    keys: dict[str, list[str]] = {}
    for schema, table, column in _rows(answers["keys"]):
        keys.setdefault(_full(schema, table), []).append(column)
    columns: dict[str, list[tuple[WatchedColumn, bool]]] = {}
    for schema, table, column, spanner_type, generated in _rows(answers["columns"]):
        of_table = columns.setdefault(_full(schema, table), [])
        of_table.append((WatchedColumn(column, spanner_type), generated == "ALWAYS"))
    for name, found in columns.items():
        key = tuple(keys.get(name, ()))
        if not watches_all and name not in whole and name not in listed:
            continue
        chosen = None if watches_all or name in whole else listed[name] | set(key)
        carried = tuple(
            column
            for column, is_generated in found
            if column.name in key
            or (not is_generated and (chosen is None or column.name in chosen))
        )
        others = tuple(column.name for column, _ in found if column not in carried)
        yield WatchedTable(name, key, carried, others)


def _full(schema: str, table: str) -> str:
    return f"{schema}.{table}" if schema else table


def _rows(answer: Answer) -> Sequence[tuple[str, ...]]:
    columns = [[text or "" for text in answer.texts(name)] for name in answer.names]
    return list(zip(*columns, strict=True))
