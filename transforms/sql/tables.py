"""The tables of a job, as CREATE TABLE declares them."""

from __future__ import annotations

import dataclasses
import enum

from sqlglot import exp

from transforms.sql.connectors import (
    Connector,
    OptionValue,
    Role,
    find_connector,
    option_node,
)
from transforms.sql.errors import SqlError, did_you_mean
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
RECORD_METADATA = frozenset({"topic", "partition", "offset", "timestamp", "headers"})
"""Metadata of the Kafka record itself: every format has it. The rest is Debezium's."""


def declare_table(node: CreateTable) -> Table:
    """The table of a CREATE TABLE statement; SqlError at the definition that is wrong."""
    connector = find_connector(node)
    options = connector.read_options(node)
    columns: list[Column] = []
    key_nodes: list[exp.Expr] = []
    watermark = None
    for definition in node.expressions:
        if isinstance(definition, KeyConstraint):
            if key_nodes:
                message = f"the table {node.this.name!r} has two primary keys; keep one"
                raise SqlError(message, definition)
            key_nodes = definition.expressions
        elif isinstance(definition, Watermark):
            watermark = definition
        else:
            column = _column(definition)
            if any(other.name == column.name for other in columns):
                message = f"the column {column.name!r} is declared twice; rename one"
                raise SqlError(message, definition.this)
            columns.append(column)
            if definition.args.get("primary_key"):
                key_nodes.append(definition.this)
    names = [column.name for column in columns if column.kind is ColumnKind.PHYSICAL]
    for key in key_nodes:
        if key.name not in names:
            message = (
                f"the primary key names {key.name!r}, which is not a physical column; "
                f"{did_you_mean(key.name, names)}"
            )
            raise SqlError(message, key)
    primary_key = tuple(key.name for key in key_nodes)
    table = Table(
        name=node.this.name,
        # A key is never NULL, whether the column says so or not.
        columns=tuple(
            dataclasses.replace(column, nullable=False) if column.name in primary_key else column
            for column in columns
        ),
        primary_key=primary_key,
        connector=connector,
        options=options,
        node=node,
        watermark=watermark,
    )
    if options.get("debezium.deletes") == "key" and not primary_key:
        message = f"'debezium.deletes' = 'key' needs a PRIMARY KEY in the table {table.name!r}"
        raise SqlError(message, table.option_node("debezium.deletes"))
    _check_metadata(table)
    return table


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


def _check_metadata(table: Table) -> None:
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
            raise SqlError(message, column.node)
        known = tuple(_METADATA_TYPES) if debezium else tuple(sorted(RECORD_METADATA))
        if key not in known and not (debezium and key.startswith("source.")):
            message = (
                f"{table.name}.{column.name}: the format {source_format!r} has no metadata "
                f"{key!r}; {did_you_mean(key, [*known, *(['source.table'] if debezium else [])])}"
            )
            raise SqlError(message, column.node)
        kinds = _METADATA_TYPES.get(key)
        if kinds is not None and column_type(column).kind not in kinds:
            wanted = "MAP<STRING, BYTES>" if key == "headers" else kinds[-1].value
            message = f"the metadata {key!r} is a {wanted}, not a {column.type}"
            raise SqlError(message, column.node)
