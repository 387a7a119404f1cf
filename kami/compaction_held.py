"""The keys that a compaction leaves as they are: values of theirs may still come, or be needed."""

from __future__ import annotations

from collections.abc import Sequence

from kami.compaction_sql import Relations, render, sql
from kami.history_versions import Anchor, ColumnSql
from kami.warehouse import Warehouse


def may_hold(columns: Sequence[ColumnSql]) -> bool:
    """Whether a row may need values of older ones."""
    return any(column.may_be_missing for column in columns)


def known_alone(columns: Sequence[ColumnSql]) -> tuple[ColumnSql, ...]:
    """In place of the values whether they are known, which is all that is asked here: wide values
    are neither read nor sorted."""
    return tuple(
        ColumnSql(column.name, "BOOL", "TRUE", "TRUE", may_be_missing=True)
        for column in columns
        if column.may_be_missing
    )


def hold(
    warehouse: Warehouse,
    relations: Relations,
    columns: Sequence[ColumnSql],
    old_key: str,
    log: str,
    anchor: Anchor | None,
) -> None:
    """Makes the table of the held keys anew.

    Args:
        old_key: SQL of the key that a row of the log `l` came from.
        log: SQL of the rows up to the cut.
    """
    if not may_hold(columns):
        warehouse.run(
            sql(
                "CREATE OR REPLACE TABLE {{ r.held }} AS "
                "SELECT `_key` FROM {{ r.log }} WHERE FALSE",
                r=relations,
            )
        )
        return
    warehouse.run(
        render(
            "compact_held.sql.jinja",
            relations,
            columns=known_alone(columns),
            old_key=old_key,
            logs=[log],
            anchor=anchor,
        )
    )
    warehouse.run(
        sql(
            "CREATE OR REPLACE TABLE {{ r.held }} AS "
            "SELECT DISTINCT `_key` FROM {{ r.lineages }} WHERE `is_incomplete`",
            r=relations,
        )
    )
    held = _count(warehouse, relations)
    while held:
        warehouse.run(render("compact_held_more.sql.jinja", relations))
        before, held = held, _count(warehouse, relations)
        if held == before:
            break
    warehouse.run(sql("DROP TABLE IF EXISTS {{ place }}", place=relations.lineages))


def _count(warehouse: Warehouse, relations: Relations) -> int:
    (found,) = warehouse.query(
        sql("SELECT COUNT(*) AS `keys` FROM {{ r.held }}", r=relations)
    ).to_pylist()
    return int(found["keys"])
