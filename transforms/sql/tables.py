"""The tables of a job, as CREATE TABLE declares them."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from transforms.sql.connector_list import find_connector
from transforms.sql.connectors import Connector, OptionValue, Role, option_node
from transforms.sql.connectors_pubsub import check_pubsub_options, of_role
from transforms.sql.connectors_pubsub_source import metadata_error
from transforms.sql.errors import SqlError, SqlErrors, did_you_mean, errors_of
from transforms.sql.statements import (
    ComputedColumn,
    CreateTable,
    KeyConstraint,
    MetadataColumn,
    PhysicalColumn,
    Watermark,
)
from transforms.sql.type_rules import sql_type
from transforms.sql.types import STRINGS, Kind, SqlType


class ColumnKind(enum.Enum):
    """Where a column's values come from."""

    PHYSICAL = "physical"
    METADATA = "metadata"
    COMPUTED = "computed"


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a declared table.

    type: None for a computed column, whose type is that of its `expression`.
    metadata_key: of a metadata column, what is read (`op`, `source.table`, ...).
    """

    name: str
    kind: ColumnKind
    node: exp.Expr
    type: SqlType | None = None
    nullable: bool = True
    metadata_key: str | None = None
    expression: exp.Expr | None = None


def column_type(column: Column) -> SqlType:
    """The declared type. Raises TypeError for a computed column, which has none of its own."""
    if column.type is None:
        message = f"the computed column {column.name!r} has no declared type; compile it"
        raise TypeError(message)
    return column.type


@dataclasses.dataclass(frozen=True)
class Table:
    """A declared table: `options` are checked and have their defaults."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    connector: Connector
    options: dict[str, OptionValue]
    node: CreateTable
    watermark: Watermark | None = None

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    def physical_columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.kind is ColumnKind.PHYSICAL)

    def require_role(self, role: Role, place: exp.Expr) -> None:
        """SqlError at `place` if the table's connector cannot be used so."""
        if role not in self.connector.roles:
            can = " and ".join(sorted(known.value for known in self.connector.roles))
            message = (
                f"{self.name} cannot be a {role.value}: its connector {self.connector.name!r} "
                f"is a {can}"
            )
            raise SqlError(message, place)

    def option_node(self, name: str) -> exp.Expr:
        return option_node(self.node, name)


_METADATA_TYPES = {
    "op": STRINGS,
    "table": STRINGS,
    "ts_ms": (Kind.BIGINT, Kind.TIMESTAMP_LTZ),
    "order_key": STRINGS,
    "event_id": STRINGS,
    "topic": STRINGS,
    "partition": (Kind.INT, Kind.BIGINT),
    "offset": (Kind.BIGINT,),
    "timestamp": (Kind.TIMESTAMP_LTZ,),
    "headers": (Kind.MAP,),
}
_HEADERS = "MAP<STRING, BYTES>"
RECORD_METADATA = frozenset({"topic", "partition", "offset", "timestamp", "headers"})
"""Metadata of the Kafka record itself: every format has it. The rest is Debezium's."""


def declare_table(node: CreateTable) -> Table:
    """The table of a CREATE TABLE statement; SqlErrors, each at the definition that is wrong."""
    errors: list[SqlError] = []
    columns: dict[str, Column] = {}
    keys: list[list[exp.Expr]] = []
    watermarks: list[Watermark] = []
    for definition in node.expressions:
        try:
            match definition:
                case KeyConstraint():
                    keys.append(definition.expressions)
                case Watermark():
                    watermarks.append(definition)
                case _:
                    if definition.args.get("primary_key"):
                        keys.append([definition.this])
                    _add_column(columns, definition)
        except SqlError as error:
            errors.append(error)
    # A definition that is wrong has its error already.
    names = {one.this.name for one in node.expressions if not isinstance(one, KeyConstraint)}
    for mark in watermarks:
        errors += _watermark_errors(mark, columns, names, is_first=mark is watermarks[0])
    errors += _key_errors(node, keys, columns, names)
    options: dict[str, OptionValue] = {}
    try:
        connector = find_connector(node)
        options = connector.read_options(node)
        if connector.name == "pubsub":
            connector, options = of_role(options)
    except (SqlError, SqlErrors) as error:
        raise SqlErrors([*errors, *errors_of(error)]) from error
    primary_key = tuple(key.name for key in keys[0]) if keys else ()
    table = Table(
        name=node.this.name,
        # A key is never NULL, whether the column says so or not.
        columns=tuple(
            dataclasses.replace(column, nullable=False) if column.name in primary_key else column
            for column in columns.values()
        ),
        primary_key=primary_key,
        connector=connector,
        options=options,
        node=node,
        watermark=watermarks[0] if watermarks else None,
    )
    if options.get("debezium.deletes") == "key" and not primary_key:
        message = f"'debezium.deletes' = 'key' needs a PRIMARY KEY in the table {table.name!r}"
        errors.append(SqlError(message, table.option_node("debezium.deletes")))
    errors += _metadata_errors(table)
    if connector.name == "pubsub":
        try:
            check_pubsub_options(node, options)
        except SqlErrors as error:
            errors += errors_of(error)
    if errors:
        raise SqlErrors(errors)
    return table


def _add_column(columns: dict[str, Column], definition: exp.Expr) -> None:
    column = _column(definition)
    if column.name in columns:
        message = f"the column {column.name!r} is declared twice; rename one"
        raise SqlError(message, definition.this)
    columns[column.name] = column


def _watermark_errors(
    mark: Watermark, columns: Mapping[str, Column], names: set[str], *, is_first: bool
) -> Iterator[SqlError]:
    if not is_first:
        yield SqlError("a table has one WATERMARK; keep one", mark.this)
    if mark.this.name not in names:
        message = (
            f"WATERMARK FOR {mark.this.name}: there is no such column; "
            f"{did_you_mean(mark.this.name, columns)}"
        )
        yield SqlError(message, mark.this)


def _key_errors(
    node: CreateTable,
    keys: Sequence[Sequence[exp.Expr]],
    columns: Mapping[str, Column],
    names: set[str],
) -> Iterator[SqlError]:
    for key in keys[1:]:
        message = f"the table {node.this.name!r} has two primary keys; keep one"
        yield SqlError(message, key[0])
    physical = [one.name for one in columns.values() if one.kind is ColumnKind.PHYSICAL]
    for key in keys:
        for number, part in enumerate(key):
            if part.name in {other.name for other in key[:number]}:
                message = f"the primary key names {part.name!r} twice; keep one"
                yield SqlError(message, part)
            elif part.name in columns and part.name not in physical:
                message = f"the primary key names {part.name!r}, which is not a physical column"
                yield SqlError(message, part)
            elif part.name not in names:
                message = (
                    f"the primary key names {part.name!r}, which is no column; "
                    f"{did_you_mean(part.name, physical)}"
                )
                yield SqlError(message, part)


def _column(definition: exp.Expr) -> Column:
    name = definition.this.name
    match definition:
        case PhysicalColumn():
            return Column(
                name,
                ColumnKind.PHYSICAL,
                definition.this,
                type=sql_type(definition.args["kind"]),
                nullable=not definition.args["not_null"],
            )
        case MetadataColumn():
            key = definition.args["metadata_key"]
            return Column(
                name,
                ColumnKind.METADATA,
                key if key is not None else definition.this,
                type=sql_type(definition.args["kind"]),
                metadata_key=key.name if key is not None else name,
            )
        case ComputedColumn():
            return Column(
                name, ColumnKind.COMPUTED, definition.this, expression=definition.expression
            )
    message = f"unexpected definition in the table: {definition.sql()}"
    raise SqlError(message, definition)


def _metadata_errors(table: Table) -> Iterator[SqlError]:
    source_format = table.options.get("value.format", "")
    debezium = str(source_format).startswith("debezium-")
    for column in table.columns:
        key = column.metadata_key
        if key is None:
            continue
        if Role.SOURCE not in table.connector.roles:
            message = (
                f"{table.name}.{column.name}: only a source has metadata columns, and the "
                f"connector {table.connector.name!r} is none; drop METADATA"
            )
            yield SqlError(message, column.node)
            continue
        if table.connector.name == "pubsub":
            if wrong := metadata_error(key, column_type(column)):
                yield SqlError(f"{table.name}.{column.name}: {wrong}", column.node)
            continue
        known = tuple(_METADATA_TYPES) if debezium else tuple(sorted(RECORD_METADATA))
        if key not in known and not (debezium and key.startswith("source.")):
            message = (
                f"{table.name}.{column.name}: the format {source_format!r} has no metadata "
                f"{key!r}; {did_you_mean(key, [*known, *(['source.table'] if debezium else [])])}"
            )
            yield SqlError(message, column.node)
            continue
        kinds = _METADATA_TYPES.get(key)
        wanted = _HEADERS if key == "headers" else kinds[-1].value if kinds else ""
        fits = kinds is None or column_type(column).kind in kinds
        if not fits or (key == "headers" and str(column.type) != _HEADERS):
            message = f"the metadata {key!r} is a {wanted}, not a {column.type}"
            yield SqlError(message, column.node)
