"""What a warehouse lacks of what the configuration says: plan tells it, apply does it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from typing import Literal

import sqlglot
import sqlglot.errors

from kami import tables
from kami.config import Source
from kami.context import ConfiguredTable
from kami.ddl_renames import Renamed, renamed_columns, renamed_of
from kami.errors import ConfigurationError
from kami.key_changes import refuse_changed_key
from kami.snapshot_columns import snapshot_changes
from kami.statements import add_columns, create_log, create_snapshot, create_table
from kami.views import refuse_bigquery_names, view_of
from kami.warehouse import Warehouse, literal, quoted, table_sql

Kind = Literal["create", "add columns", "change types", "create view", "replace view", "move rows"]


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that `kami apply` would do.

    Args:
        name: `dataset.table`.
        sql: BigQuery SQL; of a view, its query.
        before: a view's query as it is in the warehouse.
        table: whose rows are moved out of `_snapshot_rows`.
    """

    what: Kind
    name: str
    sql: tuple[str, ...] = ()
    before: str | None = None
    table: ConfiguredTable | None = None

    @property
    def is_view(self) -> bool:
        return self.what in ("create view", "replace view")

    @property
    def diff(self) -> str:
        """A view's query now and then, as a unified diff; other changes: their statements."""
        if self.what != "replace view":
            return "\n".join(self.sql)
        lines = difflib.unified_diff(
            (self.before or "").splitlines(),
            self.sql[0].splitlines(),
            f"{self.name} in the warehouse",
            f"{self.name} from the schema",
            lineterm="",
        )
        return "\n".join(lines)


@dataclasses.dataclass
class Planned:
    """What a source or table needs, what to know of it, and why it was left out."""

    changes: list[Change] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    refusals: list[str] = dataclasses.field(default_factory=list)


def planned(warehouse: Warehouse, chosen: Sequence[ConfiguredTable]) -> Planned:
    """All that the chosen tables need; a table that cannot be had does not stop the others."""
    found = Planned()
    for source in _sources(chosen):
        found.changes += _of_source(warehouse, source)
        renamed = renamed_columns(warehouse, source.name) if source.dialect == "mysql" else {}
        for table in chosen:
            if table.source is source:
                _plan_table(warehouse, table, renamed, found)
    return found


def _sources(chosen: Sequence[ConfiguredTable]) -> list[Source]:
    by_name = {table.source.name: table.source for table in chosen}
    return list(by_name.values())


def _plan_table(
    warehouse: Warehouse, table: ConfiguredTable, renamed: Renamed, found: Planned
) -> None:
    try:
        changes = list(_of_table(warehouse, table, renamed, found.notes))
    except ConfigurationError as error:
        found.refusals.append(str(error))
    else:
        found.changes += changes


def _of_source(warehouse: Warehouse, source: Source) -> Iterator[Change]:
    """The dataset and its bookkeeping."""
    if source.name not in warehouse.datasets():
        sql = f"CREATE SCHEMA IF NOT EXISTS {quoted(source.name)}"
        yield Change("create", source.name, (sql,))
    there = warehouse.tables(source.name)
    for name, columns in tables.BOOKKEEPING.items():
        if name not in there:
            yield Change(
                "create", f"{source.name}.{name}", (create_table(source.name, name, columns),)
            )
        else:
            yield from _added(warehouse, source.name, name, columns)
    ddl = tables.change_log_of(tables.SCHEMA_CHANGES)
    if ddl not in there:
        layout = tables.SOURCE_LAYOUTS[source.connector]
        sql = create_log(source.name, ddl, tables.change_log_columns(layout))
        yield Change("create", f"{source.name}.{ddl}", (sql,))


def _of_table(
    warehouse: Warehouse, table: ConfiguredTable, renamed: Renamed, notes: list[str]
) -> Iterator[Change]:
    if warehouse.kind == "bigquery":
        refuse_bigquery_names(table)
    view, sql = view_of(table, renamed_of(table, renamed))
    there = warehouse.tables(table.dataset)
    log = tables.change_log_of(table.name)
    layout = tables.change_log_columns(table.source_columns)
    if log not in there:
        yield Change("create", f"{table.dataset}.{log}", (create_log(table.dataset, log, layout),))
    else:
        refuse_changed_key(warehouse, table)
        yield from _added(warehouse, table.dataset, log, layout)
    if table.key:
        yield from _of_snapshot(warehouse, table, renamed, notes)
    else:
        notes.append(
            f"{table.full_name} has no primary key: it gets {table.dataset}.{view}, a view of its "
            f"events; for a god view name its columns, `options: {{{table.name}: {{key: [...]}}}}`"
        )
    kind = there.get(view)
    if kind == "table":
        message = (
            f"{table.dataset}.{view} is a table, where the view is to be; move it away, or name "
            "the source otherwise"
        )
        raise ConfigurationError(message)
    before = warehouse.definition(table.dataset, view) if kind == "view" else None
    if before is None or not _is_same(before, sql):
        what: Kind = "replace view" if kind else "create view"
        yield Change(what, f"{table.dataset}.{view}", (sql,), before)


def _is_same(there: str, wanted: str) -> bool:
    """Whether two queries are one, however a warehouse has laid out the one that it keeps."""
    if there.strip() == wanted.strip():
        return True
    try:
        one, other = (sqlglot.parse_one(text, read="bigquery") for text in (there, wanted))
    except sqlglot.errors.SqlglotError:
        return False
    return bool(one == other)


def _of_snapshot(
    warehouse: Warehouse, table: ConfiguredTable, renamed: Renamed, notes: list[str]
) -> Iterator[Change]:
    snapshot = tables.snapshot_of(table.name)
    full_name = f"{table.dataset}.{snapshot}"
    there = warehouse.columns(table.dataset, snapshot)
    if there is None:
        yield Change("create", full_name, (create_snapshot(table),))
    else:
        changes = snapshot_changes(warehouse, table, there, renamed_of(table, renamed))
        notes += changes.notes
        if changes.added:
            yield Change("add columns", full_name, changes.added)
        if changes.retyped:
            yield Change("change types", full_name, changes.retyped)
    if _has_json_rows(warehouse, table):
        yield Change("move rows", full_name, table=table)


def _has_json_rows(warehouse: Warehouse, table: ConfiguredTable) -> bool:
    if "_snapshot_rows" not in warehouse.tables(table.dataset):
        return False
    found = warehouse.query(
        f"SELECT COUNT(*) AS n FROM {table_sql(table.dataset, '_snapshot_rows')} "  # noqa: S608
        f"WHERE table_name = {literal(table.name)}"
    )
    return bool(found.column("n")[0].as_py())


def _added(
    warehouse: Warehouse, dataset: str, name: str, columns: Sequence[tables.Column]
) -> Iterator[Change]:
    """The columns that a table of an older layout lacks."""
    there = warehouse.columns(dataset, name) or {}
    lacking = [column for column in columns if column.name not in there]
    if lacking:
        yield Change("add columns", f"{dataset}.{name}", (add_columns(dataset, name, lacking),))
