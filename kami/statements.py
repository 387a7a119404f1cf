"""BigQuery's DDL of the tables of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from kami import tables
from kami.context import ConfiguredTable
from kami.tables import Column
from kami.views import refuse_names, view_columns
from kami.warehouse import quoted, table_sql


def create_table(dataset: str, name: str, columns: Sequence[Column], options: str = "") -> str:
    """CREATE TABLE IF NOT EXISTS, with `options` such as CLUSTER BY behind it."""
    lines = ",\n".join(f"  {quoted(column.name)} {column.type}" for column in columns)
    return f"CREATE TABLE IF NOT EXISTS {table_sql(dataset, name)} (\n{lines}\n){options}"


def create_log(dataset: str, name: str, columns: Sequence[Column]) -> str:
    """A change log or an archive: late rows land in the partition of the day they come in."""
    options = "\nPARTITION BY DATE(_ingested_at)\nCLUSTER BY _key, _order_key"
    return create_table(dataset, name, columns, options)


def snapshot_columns(table: ConfiguredTable) -> tuple[Column, ...]:
    """The columns of a table's snapshot: ours, then the source's, typed as in the god view."""
    refuse_names(table)
    typed = (Column(column.name, column.type.bigquery) for column in view_columns(table))
    return (*tables.SNAPSHOT_COLUMNS, *typed)


def create_snapshot(table: ConfiguredTable) -> str:
    """Not partitioned: the view reads all of it by key."""
    name = tables.snapshot_of(table.name)
    return create_table(table.dataset, name, snapshot_columns(table), "\nCLUSTER BY _key")


def add_columns(dataset: str, name: str, columns: Sequence[Column]) -> str:
    actions = ", ".join(
        f"ADD COLUMN IF NOT EXISTS {quoted(column.name)} {column.type}" for column in columns
    )
    return f"ALTER TABLE {table_sql(dataset, name)} {actions}"
