"""Snapshot rows that compactions replace and no change tells of: the history begins with them."""

from __future__ import annotations

from kami.compaction_sql import Relations, render, sql
from kami.history_versions import snapshot_columns
from kami.warehouse import Warehouse


def superseded_of(table: str) -> str:
    """The name of the table that keeps them."""
    return f"{table}_snapshot_archive"


def keep_superseded(warehouse: Warehouse, relations: Relations) -> None:
    """Keeps the rows of the snapshot table that the next one replaces; again does nothing."""
    columns = snapshot_columns(warehouse, relations)
    name = superseded_of(relations.table)
    if name not in warehouse.tables(relations.dataset):
        warehouse.run(
            sql(
                "CREATE TABLE IF NOT EXISTS {{ r.superseded }} CLUSTER BY `_key` AS "
                "SELECT * FROM {{ r.snapshot }} WHERE FALSE",
                r=relations,
            )
        )
    known = warehouse.columns(relations.dataset, name) or {}
    for column, of in columns.items():
        if column not in known:
            warehouse.run(
                sql(
                    "ALTER TABLE {{ r.superseded }} ADD COLUMN {{ column | quoted }} {{ of }}",
                    r=relations,
                    column=column,
                    of=of,
                )
            )
    warehouse.run(render("compact_superseded.sql.jinja", relations, columns=list(columns)))
