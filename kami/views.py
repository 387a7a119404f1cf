"""The god view: the SQL that makes a source table of its log and its snapshot."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping

import jinja2

from kami import tables
from kami.context import ConfiguredTable
from kami.errors import ConfigurationError
from kami.types import WarehouseType, warehouse_type
from kami.warehouse import literal, quoted, table_sql

_NOT_IN_BIGQUERY = re.compile(r"[!\"$()*,./;?@\[\\\]^`{}~\x00-\x1f]")
INTERNAL_PREFIX = "_kami_"
"""Of the columns that the view's own steps have."""


@dataclasses.dataclass(frozen=True)
class ViewColumn:
    """A column of the view: how it is read from the log, and its name in the snapshot.

    Args:
        names: the members of `after` that may hold it, the present name first.
        default: BigQuery SQL of the value in changes that are older than the column.
        toast: Debezium may leave its value out.
    """

    name: str
    type: WarehouseType
    names: tuple[str, ...]
    default: str | None = None
    toast: bool = False

    @property
    def quoted(self) -> str:
        return quoted(self.name)

    @property
    def literal(self) -> str:
        return literal(self.name)

    def value(self, json_sql: str) -> str:
        """BigQuery SQL of the value, from SQL of the row's JSON."""
        if len(self.names) == 1 and self.default is None:
            return self.type.extract(member(json_sql, self.name))
        cases = " ".join(
            f"WHEN {member(json_sql, name)} IS NOT NULL "
            f"THEN {self.type.extract(member(json_sql, name))}"
            for name in self.names
        )
        # JSON's null is not SQL's: a NULL that was sent stays one.
        return f"CASE {cases} ELSE {self.default or 'NULL'} END"


def member(json_sql: str, name: str) -> str:
    """BigQuery SQL of a member of a JSON object; NULL without it, JSON's null where it is null.

    Not a JSON path, which cannot hold every name.
    """
    return f"{json_sql}[{literal(name)}]"


def view_columns(
    table: ConfiguredTable, renamed: Mapping[str, str] | None = None
) -> tuple[ViewColumn, ...]:
    """The view's columns.

    Args:
        renamed: new name -> old name, from the source's DDL events, which come before those of a
            DDL file; those of the configuration come before both.

    Raises:
        ConfigurationError: a column's type or name cannot be had.
    """
    older = {**table.table.renamed, **(renamed or {}), **table.options.renamed}
    refuse_names(table)
    columns = []
    for column in table.table.columns:
        try:
            kind = warehouse_type(column, table.source.dialect)
        except ConfigurationError as error:
            message = f"{table.full_name}: {error}"
            raise type(error)(message) from error
        names = [column.name]
        while names[-1] in older and older[names[-1]] not in names:
            names.append(older[names[-1]])
        columns.append(
            ViewColumn(
                name=column.name,
                type=kind,
                names=tuple(names),
                default=None if column.default is None else _default(kind, column.default),
                toast=table.source.has_postgresql_log
                and kind.out_of_line
                and column.name not in table.key,
            )
        )
    return tuple(columns)


def refuse_names(table: ConfiguredTable) -> None:
    """Raises ConfigurationError for columns that a warehouse's table cannot have."""
    taken = {column.name for column in tables.SNAPSHOT_COLUMNS}
    seen: dict[str, str] = {}
    for column in table.table.columns:
        if column.name in taken or column.name.startswith(INTERNAL_PREFIX):
            message = (
                f"{table.full_name}: the column {column.name!r} has a name that the snapshot table "
                f"uses itself; leave it out with `exclude: [{table.name}.{column.name}]`"
            )
            raise ConfigurationError(message)
        other = seen.setdefault(column.name.lower(), column.name)
        if other != column.name:
            message = (
                f"{table.full_name}: the columns {other!r} and {column.name!r} differ in case "
                "only, which warehouses do not tell apart; leave one out with `exclude`"
            )
            raise ConfigurationError(message)


def refuse_bigquery_names(table: ConfiguredTable) -> None:
    """Raises ConfigurationError for columns that BigQuery cannot have, and a DuckDB file can."""
    for column in table.table.columns:
        if _NOT_IN_BIGQUERY.search(column.name) or len(column.name) > 300:
            message = (
                f"{table.full_name}: BigQuery has no column named {column.name!r}; leave it out "
                "with `exclude`, or rename it at the source"
            )
            raise ConfigurationError(message)


def _default(kind: WarehouseType, text: str) -> str:
    if kind.form == "bytes":
        # A default of bytes is not written as base64.
        return f"CAST({literal(text)} AS BYTES)"
    return kind.from_text(literal(text))


def god_view_sql(table: ConfiguredTable, renamed: Mapping[str, str] | None = None) -> str:
    """BigQuery SQL of a table's god view: its rows now, exactly the source's columns.

    Raises:
        ConfigurationError: the table has no key, or a column cannot be had.
    """
    return newest_rows_sql(table, renamed)


def newest_rows_sql(
    table: ConfiguredTable,
    renamed: Mapping[str, str] | None = None,
    *,
    bookkeeping: bool = False,
    deleted: bool = False,
    cut: str | None = None,
) -> str:
    """BigQuery SQL of the newest row of every key.

    Args:
        bookkeeping: with `_key`, `_order_key` and `_deleted` before the source's columns.
        deleted: deleted rows are there too; of those, the columns are NULL.
        cut: an order key; newer changes of the log are left out.
    """
    if not table.key:
        message = (
            f"{table.full_name} has no primary key: it gets a view of events, no god view; name "
            f"the columns that identify a row, `options: {{{table.name}: {{key: [...]}}}}`"
        )
        raise ConfigurationError(message)
    columns = view_columns(table, renamed)
    keys = [column for column in columns if column.name in table.key]
    texts = [
        f"TO_JSON_STRING({column.type.key_text(member('_old_key', column.name))})"
        for column in sorted(keys, key=lambda column: column.name)
    ]
    template = _environment().get_template("god_view.sql.jinja")
    return template.render(
        log=table_sql(table.dataset, tables.change_log_of(table.name)),
        snapshot=table_sql(table.dataset, tables.snapshot_of(table.name)),
        snapshots=table_sql(table.dataset, "_snapshots"),
        compactions=table_sql(table.dataset, "_compactions"),
        name=literal(table.name),
        columns=columns,
        toast=[column for column in columns if column.toast],
        anchors=table.source.has_postgresql_log,
        old_key="CONCAT('[', " + ", ',', ".join(texts) + ", ']')",
        bookkeeping=bookkeeping,
        deleted=deleted,
        cut=None if cut is None else literal(cut),
    )


def events_view_sql(table: ConfiguredTable, renamed: Mapping[str, str] | None = None) -> str:
    """BigQuery SQL of the events of a table without a key: one row a change, newest state last."""
    columns = view_columns(table, renamed)
    template = _environment().get_template("events_view.sql.jinja")
    return template.render(
        log=table_sql(table.dataset, tables.change_log_of(table.name)), columns=columns
    )


def view_of(table: ConfiguredTable, renamed: Mapping[str, str] | None = None) -> tuple[str, str]:
    """The name and the BigQuery SQL of the view that a table gets."""
    if table.key:
        return table.name, god_view_sql(table, renamed)
    return f"{table.name}_events", events_view_sql(table, renamed)


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("kami", "sql"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=False,
        # SQL, not HTML; every name and value goes through `quoted` and `literal`.
        autoescape=False,  # noqa: S701
    )
