"""Which deleted rows a compaction may forget, and what that costs: rows that come too late.

A deleted row is kept in the snapshot table, so that a repeat of an older change does not bring it
back. All that are forgotten leave one row without a key there, whose order key is that of the
newest of them: the god view and later compactions take no change that is as old, unless the
snapshot has its key. So a repeat stays out at any time; but so would a change that comes for the
first time. That is why a deleted row is forgotten only

- a long time after it was compacted: by then all older changes have come;
- when nothing stays in the log that is older;
- when each partition of the topic has shown something newer: a row that the connector reads anew
  has no position of its own, and takes the newest one of its partition.
"""

from __future__ import annotations

import datetime
from typing import NamedTuple

from kami.compaction_sql import Relations, render, sql
from kami.warehouse import Warehouse

GUARD = "purged.order_key"
"""What the text of a god view holds that keeps late changes of forgotten rows out."""


class Purge(NamedTuple):
    """The deleted rows that are forgotten: written before a time, and below an order key."""

    before: datetime.datetime
    below: str


def purge_of(warehouse: Warehouse, relations: Relations, before: datetime.datetime) -> Purge | None:
    """What the compaction whose rows are staged may forget; None where that is nothing.

    Args:
        before: deleted rows that compactions wrote later stay.
    """
    view = warehouse.definition(relations.dataset, relations.table)
    if GUARD not in (view or ""):
        return None
    (old,) = warehouse.query(
        sql(
            "SELECT COUNT(*) AS `deleted_rows` FROM {{ r.snapshot }} WHERE `_key` IS NOT NULL "
            "AND `_deleted` AND `_snapshot_at` < {{ before | timestamp }}",
            r=relations,
            before=before,
        )
    ).to_pylist()
    if not old["deleted_rows"]:
        # The other query reads all keys of the log and the archive.
        return None
    (found,) = warehouse.query(render("compact_purge.sql.jinja", relations)).to_pylist()
    return Purge(before, found["below"])


def gone_up_to(relations: Relations, *, has_anchor: bool) -> str:
    """SQL of the order key up to which changes of keys that the snapshot lacks are repeats.

    Compactions have moved the changes up to their cut, those up to the anchor are in the newest
    snapshot: what is below both and not in it was deleted before it was taken.

    Args:
        has_anchor: the query has the step `anchor`, for transactions that were open then.
    """
    return sql(
        "(SELECT COALESCE(MAX(LEAST({{ 'e.`effective`' if has_anchor else 'a.`order_key`' }}, "
        "c.`cut`)), '') FROM {{ r.snapshots }} AS a CROSS JOIN {{ r.compactions }} AS c"
        "{{ ' CROSS JOIN `anchor` AS e' if has_anchor }} "
        "WHERE a.`table_name` = {{ r.table | literal }} AND a.`state` = 'done' "
        "AND c.`table_name` = {{ r.table | literal }} AND c.`finished_at` IS NOT NULL)",
        r=relations,
        has_anchor=has_anchor,
    )
