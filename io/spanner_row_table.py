"""A table of Spanner that rows of one layout go to, held against what is there."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping

import pyarrow as pa
from google.protobuf.struct_pb2 import Value

from pipeline_io.database_sink_table import DeleteOn, SinkColumn
from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_errors import SpannerSchemaError
from pipeline_io.spanner_session import SpannerSession
from pipeline_io.spanner_types import SpannerType, UnknownType, parse_type

# Spanner takes 80,000 mutations a commit: a column of a row is one, and so is each column of an
# index that the row is in. What an index adds is told roughly here.
_MUTATIONS = 60_000

_COLUMNS = """
SELECT c.column_name, c.spanner_type, c.is_nullable, c.is_generated,
  CAST(c.column_default IS NOT NULL AS STRING) AS has_default
FROM information_schema.columns AS c
WHERE c.table_schema = @schema AND c.table_name = @table ORDER BY c.ordinal_position
"""
_INDEXES = """
SELECT index_type, index_name, column_name FROM (
  SELECT i.index_type, i.index_name, c.column_name, c.ordinal_position
  FROM information_schema.indexes AS i JOIN information_schema.index_columns AS c
    ON c.table_schema = i.table_schema AND c.table_name = i.table_name
    AND c.index_name = i.index_name
  WHERE i.table_schema = @schema AND i.table_name = @table
) ORDER BY index_name, ordinal_position
"""
_TABLES = "SELECT table_schema, table_name FROM information_schema.tables"

_TAKES: Mapping[str, tuple[str, ...]] = {
    "BOOL": ("BOOL",),
    "INT64": ("INT64", "NUMERIC"),
    "FLOAT32": ("FLOAT32", "FLOAT64"),
    "FLOAT64": ("FLOAT64",),
    "NUMERIC": ("NUMERIC", "STRING"),
    "STRING": ("STRING", "JSON", "UUID"),
    "BYTES": ("BYTES",),
    "DATE": ("DATE",),
    "TIMESTAMP": ("TIMESTAMP",),
}
"""Which columns of a table take each value of a type exactly, beside what single values break."""


@dataclasses.dataclass(frozen=True)
class SpannerTable:
    """A table and how rows go into it; as pipeline_io.database_sink_table.DatabaseTable.

    Args:
        name: `table` or `schema.table`.
        columns: those that are written, by their names in the table.
        key: the table's primary key.
        delete_on: None stores rows of deletes as any other.
        order_key_column: which is compared, so that no older row is written over a newer one. One
            that is none of `columns` gets the order key of the change event.
        deleted_column: marks deleted rows, which then stay, with their order key.
        max_rows: rows of a commit at most.

    Raises ValueError.
    """

    config: SpannerConfig
    name: str
    columns: tuple[SinkColumn, ...]
    key: tuple[str, ...]
    delete_on: DeleteOn | None = dataclasses.field(default_factory=DeleteOn)
    order_key_column: str | None = None
    deleted_column: str | None = None
    max_rows: int = 1_000

    def __post_init__(self) -> None:
        if not self.key:
            message = f"{self} is written to by its key: say which columns it has"
            raise ValueError(message)
        if missing := set(self.key) - {column.name for column in self.columns}:
            message = f"the key's {', '.join(map(repr, sorted(missing)))} are no columns"
            raise ValueError(message)
        if self.deleted_column in {column.name for column in self.columns}:
            message = (
                f"the column {self.deleted_column!r} marks deleted rows and is written here: "
                "declare the table without it"
            )
            raise ValueError(message)

    def __str__(self) -> str:
        return f"the table {self.name} of {self.config}"

    @property
    def deletes(self) -> bool:
        """Whether a row may delete another one."""
        return self.delete_on is not None

    def stored_columns(self) -> tuple[SinkColumn, ...]:
        """The columns that are written, but for the mark of deleted rows."""
        control = self.delete_on.column if self.delete_on is not None else None
        stored = [column for column in self.columns if column.name != control]
        names = [column.name for column in stored]
        if self.order_key_column is not None and self.order_key_column not in names:
            stored.append(SinkColumn(self.order_key_column, pa.string()))
        return tuple(stored)


@dataclasses.dataclass(frozen=True)
class Present:
    """A table as it is: Spanner's types of the columns that are written, and how many rows fit in
    a commit."""

    types: Mapping[str, SpannerType]
    max_rows: int


@dataclasses.dataclass(frozen=True)
class _Column:
    type: str
    nullable: bool
    generated: bool
    default: bool


def look(session: SpannerSession, table: SpannerTable) -> Present:
    """The table as it is. Raises SpannerSchemaError: it does not take such rows, with all that is
    wrong; what a read raises."""
    schema, _, name = table.name.rpartition(".")
    of_string = SpannerType("STRING").proto
    where = {
        "schema": (of_string, Value(string_value=schema)),
        "table": (of_string, Value(string_value=name)),
    }
    what = f"{table} cannot be looked at"
    found = session.read(what, _COLUMNS, where)
    fields = ("column_name", "spanner_type", "is_nullable", "is_generated", "has_default")
    columns = {
        str(each): _Column(str(of), nullable == "YES", generated != "NEVER", default == "true")
        for each, of, nullable, generated, default in zip(*map(found.texts, fields), strict=True)
    }
    if not columns:
        known = session.read(what, _TABLES)
        names = [
            f"{of_schema}.{one}" if of_schema else str(one)
            for of_schema, one in zip(
                known.texts("table_schema"), known.texts("table_name"), strict=True
            )
        ]
        message = f"{table.config} has no table {table.name!r}; {_nearest(table.name, names)}"
        raise SpannerSchemaError(message)
    indexes = session.read(what, _INDEXES, where)
    kinds, indexed = indexes.texts("index_type"), indexes.texts("column_name")
    key = [one for kind, one in zip(kinds, indexed, strict=True) if kind == "PRIMARY_KEY"]
    problems = list(_problems(table, columns))
    if set(key) != set(table.key):
        problems.append(
            f"its primary key is ({', '.join(map(str, key))}), and rows are told apart by "
            f"({', '.join(table.key)})"
        )
    if problems:
        message = f"{table} cannot take the rows: {'; '.join(problems)}"
        raise SpannerSchemaError(message)
    written = len(table.stored_columns()) + 1 + len(indexed)
    types = {
        column.name: parse_type(columns[column.name].type) for column in table.stored_columns()
    }
    return Present(types, max(1, min(table.max_rows, _MUTATIONS // written)))


def _problems(table: SpannerTable, columns: Mapping[str, _Column]) -> list[str]:
    problems = []
    for column in table.stored_columns():
        there = columns.get(column.name)
        if there is None:
            problems.append(f"it has no column {column.name!r}; {_nearest(column.name, columns)}")
        elif there.generated:
            problems.append(f"the column {column.name!r} is generated: leave it out")
        elif not _takes(there.type, column):
            problems.append(
                f"the column {column.name!r} is {there.type}, which does not take "
                f"{written_as(column)}"
            )
    given = {column.name for column in table.stored_columns()}
    if table.deleted_column is not None:
        mark = columns.get(table.deleted_column)
        given.add(table.deleted_column)
        if mark is None or mark.type != "BOOL":
            problems.append(f"it has no column {table.deleted_column!r} of the type BOOL")
    for name, there in columns.items():
        if name not in given and not (there.nullable or there.generated or there.default):
            problems.append(f"its column {name!r} is NOT NULL, and the script does not give it")
    return problems


def _takes(written: str, column: SinkColumn) -> bool:
    try:
        there, wanted = parse_type(written), written_as(column)
    except UnknownType:
        return False
    if there.array != wanted.array:
        return False
    if column.is_json:
        return there.kind in ("JSON", "STRING")
    return there.kind in _TAKES[wanted.kind]


def written_as(column: SinkColumn) -> SpannerType:
    """Spanner's type of a column's values."""
    kind = column.type
    if isinstance(kind, pa.ListType | pa.LargeListType):
        return dataclasses.replace(_scalar(kind.value_type), array=True)
    return _scalar(kind)


def _scalar(kind: pa.DataType) -> SpannerType:
    for name, test in (
        ("BOOL", pa.types.is_boolean),
        ("INT64", pa.types.is_integer),
        ("FLOAT32", pa.types.is_float32),
        ("FLOAT64", pa.types.is_float64),
        ("NUMERIC", pa.types.is_decimal),
        ("BYTES", pa.types.is_binary),
        ("DATE", pa.types.is_date32),
        ("TIMESTAMP", pa.types.is_timestamp),
    ):
        if test(kind):
            return SpannerType(name)
    return SpannerType("STRING")


def _nearest(name: str, known: Mapping[str, _Column] | list[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
