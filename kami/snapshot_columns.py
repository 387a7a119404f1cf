"""How a snapshot table follows its source's: columns that came, changed and went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kami import tables
from kami.context import ConfiguredTable
from kami.errors import ConfigurationError
from kami.statements import add_columns, create_snapshot, snapshot_columns
from kami.tables import Column
from kami.types import cast_sql
from kami.views import ViewColumn, view_columns
from kami.warehouse import Warehouse, quoted, table_sql

_WIDER = {
    "INT64": ("NUMERIC", "BIGNUMERIC", "FLOAT64"),
    "NUMERIC": ("NUMERIC", "BIGNUMERIC"),
    "BIGNUMERIC": ("BIGNUMERIC",),
}
"""What BigQuery changes a column's type to, of the types that a god view has."""


class SnapshotChanges(NamedTuple):
    """Statements, and what to know."""

    added: tuple[str, ...]
    retyped: tuple[str, ...]
    notes: tuple[str, ...]


def snapshot_changes(
    warehouse: Warehouse,
    table: ConfiguredTable,
    there: Mapping[str, str],
    renamed: Mapping[str, str],
) -> SnapshotChanges:
    """What a snapshot table with the columns `there` needs.

    Raises:
        ConfigurationError: a column has another type that its values cannot be changed to.
    """
    wanted = snapshot_columns(table)
    lacking = [column for column in wanted if column.name not in there]
    changed = [
        column
        for column in wanted
        if column.name in there and not warehouse.same_type(column.type, there[column.name])
    ]
    names = {column.name for column in wanted}
    notes = tuple(
        f"{table.dataset}.{tables.snapshot_of(table.name)} still has the column {name!r}, which "
        "the source dropped: the view does not show it, and the next snapshot leaves it out"
        for name in there
        if name not in names
    )
    return SnapshotChanges(
        _added(table, lacking, there, renamed), _retyped(warehouse, table, changed, there), notes
    )


def _added(
    table: ConfiguredTable,
    lacking: list[Column],
    there: Mapping[str, str],
    renamed: Mapping[str, str],
) -> tuple[str, ...]:
    """New columns, filled with what the rows that are there have in them at the source."""
    if not lacking:
        return ()
    name = tables.snapshot_of(table.name)
    by_name = {column.name: column for column in view_columns(table, renamed)}
    fills = [
        f"{quoted(column.name)} = {value}"
        for column in lacking
        if column.name in by_name
        for value in [_held_value(by_name[column.name], there)]
        if value is not None
    ]
    statements = [add_columns(table.dataset, name, lacking)]
    if fills:
        statements.append(
            f"UPDATE {table_sql(table.dataset, name)} SET {', '.join(fills)} "  # noqa: S608
            "WHERE NOT _deleted"
        )
    return tuple(statements)


def _held_value(column: ViewColumn, there: Mapping[str, str]) -> str | None:
    for older in column.names[1:]:
        if older in there:
            return cast_sql(quoted(older), column.type.bigquery)
    return column.default


def _retyped(
    warehouse: Warehouse,
    table: ConfiguredTable,
    changed: list[Column],
    there: Mapping[str, str],
) -> tuple[str, ...]:
    if not changed:
        return ()
    name = tables.snapshot_of(table.name)
    full_name = table_sql(table.dataset, name)
    count = warehouse.query(f"SELECT COUNT(*) AS n FROM {full_name}").column("n")[0].as_py()  # noqa: S608
    if not count:
        return (f"DROP TABLE {full_name}", create_snapshot(table))
    for column in changed:
        found = there[column.name]
        kind, wider = found.partition("(")[0], column.type.partition("(")[0]
        if wider not in _WIDER.get(kind, ()):
            message = (
                f"{table.full_name}: the column {column.name!r} is {found} in {name} and "
                f"{column.type} at the source now; take a new snapshot of the table"
            )
            raise ConfigurationError(message)
    return tuple(
        f"ALTER TABLE {full_name} ALTER COLUMN {quoted(column.name)} SET DATA TYPE {column.type}"
        for column in changed
    )
