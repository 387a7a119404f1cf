"""Columns that were renamed, as MySQL's DDL events in the log tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlglot
import sqlglot.errors
from sqlglot import exp

from kami import tables
from kami.context import ConfiguredTable
from kami.ddl_columns import identifier
from kami.ddl_text import readable
from kami.warehouse import Warehouse, table_sql

Renamed = Mapping[str, Mapping[str, str]]
"""Table -> new name -> the name before it."""


def renamed_columns(warehouse: Warehouse, dataset: str) -> Renamed:
    """What the DDL events of a source's log say; nothing where there are none."""
    name = tables.change_log_of(tables.SCHEMA_CHANGES)
    if name not in warehouse.tables(dataset):
        return {}
    found = warehouse.query(
        f"SELECT ddl FROM {table_sql(dataset, name)} "  # noqa: S608
        "WHERE REGEXP_CONTAINS(ddl, r'(?i)rename|change') ORDER BY _order_key, _offset"
    )
    return renames_in(str(ddl) for ddl in found.column("ddl").to_pylist())


def renames_in(statements: Iterable[str]) -> dict[str, dict[str, str]]:
    """The renamed columns of ALTER TABLE statements in order; what cannot be read is left out."""
    renamed: dict[str, dict[str, str]] = {}
    for text in statements:
        try:
            parsed = sqlglot.parse(readable(text, "mysql"), read="mysql")
        except sqlglot.errors.SqlglotError:
            continue
        for statement in parsed:
            if not isinstance(statement, exp.Alter):
                continue
            for action in statement.args.get("actions") or ():
                for old, new in _renames(action):
                    renamed.setdefault(statement.this.name, {})[new] = old
    return renamed


def _renames(action: exp.Expr) -> Iterable[tuple[str, str]]:
    if isinstance(action, exp.RenameColumn):
        yield identifier(action.this, "mysql"), identifier(action.args["to"], "mysql")
    elif isinstance(action, exp.ModifyColumn) and action.args.get("rename_from"):
        old, new = action.args["rename_from"], action.this
        pair = identifier(old, "mysql"), identifier(new.this, "mysql")
        if pair[0] != pair[1]:
            yield pair


def renamed_of(table: ConfiguredTable, renamed: Renamed) -> Mapping[str, str]:
    """The renamed columns of one table."""
    return renamed.get(table.table.name, {})
