"""Rules of the product, broken one at a time: the histories must show each of them.

A change of SQL asserts that it found its text, so that a mutation cannot become no change at all.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

from tests.proof.connector import Record
from tests.proof.history import Anchored
from tests.proof.log_table import LogRow
from tests.proof.ordering import THE_ORDER, OrderRules
from tests.proof.source_log import FLAVOURS, Flavour
from transforms.anchor import AnchorPosition

ViewChange = Callable[[str], str]
RowsChange = Callable[[list[LogRow]], list[LogRow]]


def _same_sql(sql: str) -> str:
    return sql


def _same_rows(rows: list[LogRow]) -> list[LogRow]:
    return rows


@dataclasses.dataclass(frozen=True)
class Mutation:
    """One broken rule, in the flavours that it can be seen in.

    `shown_by` is a history that shows a rarely seen one, tried before the others.
    """

    name: str
    order: OrderRules = THE_ORDER
    view_sql: ViewChange = _same_sql
    rows: RowsChange = _same_rows
    keeps_deleted: bool = True
    forgets_early: bool = False
    flavours: tuple[Flavour, ...] = FLAVOURS
    shown_by: tuple[Flavour, int] | None = None


def replaced(old: str, new: str) -> ViewChange:
    """Replaces a part of the view's SQL, which must be there."""

    def change(sql: str) -> str:
        assert old in sql, f"the view's SQL has no {old!r} to break"
        return sql.replace(old, new)

    return change


def _by_key(of: Callable[[str], str]) -> OrderRules:
    """Order keys, of rows and anchors alike, made into others."""
    return OrderRules(
        log_key=lambda key, record, number: of(key),
        anchor=lambda position, anchored, number: _with_key(position, of(position.order_key)),
    )


def _with_key(position: AnchorPosition, key: str) -> AnchorPosition:
    return dataclasses.replace(position, order_key=key)


def _arrival_key(number: int) -> str:
    return f"{0:04x}/{number:016x}/{0:016x}/{0:08x}"


def _unpadded(key: str) -> str:
    """The positions as the texts that one writes without thinking."""
    return "/".join(str(int(part, 16)) for part in key.split("/"))


def _with_time(key: str, record: Record, number: int) -> str:
    return f"{record.source['ts_ms']:016x}/{key}"


def _anchor_with_time(position: AnchorPosition, anchored: Anchored, number: int) -> AnchorPosition:
    return _with_key(position, f"{anchored.now_ms:016x}/{position.order_key}")


def _keys_of(key_of: Callable[[LogRow], str | None]) -> RowsChange:
    return lambda rows: [{**row, "_key": key_of(row)} for row in rows]


def _joined(row: LogRow) -> str | None:
    """The key's parts as one text, with a separator between them."""
    return None if row["_key"] is None else "|".join(json.loads(row["_key"]))


MUTATIONS = (
    Mutation(
        "ordering by arrival",
        OrderRules(
            log_key=lambda key, record, number: _arrival_key(number + 1),
            anchor=lambda position, anchored, number: _with_key(position, _arrival_key(number)),
        ),
    ),
    Mutation("text positions", _by_key(_unpadded)),
    Mutation("no incarnation", _by_key(lambda key: f"0000{key[4:]}")),
    Mutation("ts_ms leads the order", OrderRules(log_key=_with_time, anchor=_anchor_with_time)),
    Mutation(
        "the log always beats the snapshot",
        view_sql=replaced("newest.order_key > held._kami_held_order_key", "TRUE"),
    ),
    Mutation("truncates ignored", view_sql=replaced("WHERE op = 't'", "WHERE op = 'none'")),
    Mutation("deleted rows dropped at compaction", keeps_deleted=False),
    Mutation(
        "deleted rows forgotten before older changes came",
        forgets_early=True,
        shown_by=("mysql_gtid", 245),
    ),
    Mutation("the anchor taken after the snapshot", OrderRules(anchors_late=True)),
    Mutation(
        "keys from after",
        rows=_keys_of(lambda row: row["_key"] if row["after"] is not None else None),
    ),
    Mutation(
        "keys without letter case",
        rows=_keys_of(lambda row: None if row["_key"] is None else row["_key"].lower()),
    ),
    Mutation("keys joined by a separator", rows=_keys_of(_joined)),
    Mutation(
        "no TOAST fill",
        view_sql=replaced("IN UNNEST(merged._kami_missing) THEN", "IS NULL THEN"),
        flavours=("postgresql",),
    ),
    Mutation(
        "TOAST filled from the same key alone",
        view_sql=replaced("WHERE own.old_key IS NOT NULL", "WHERE FALSE"),
        flavours=("postgresql",),
    ),
    Mutation(
        "TOAST filled from one key before alone",
        view_sql=replaced("WHERE lineage.old_key IS NOT NULL", "WHERE FALSE"),
        flavours=("postgresql",),
    ),
    Mutation(
        "no carry-forward of coordinates",
        OrderRules(carries_forward=False),
        shown_by=("mysql_gtid", 54),
    ),
    Mutation(
        "rows read in mid-stream below the change before them",
        view_sql=replaced("'02'), log.`_order_key`)", "'00'), log.`_order_key`)"),
        flavours=("mysql_gtid", "mysql_file", "mariadb"),
        shown_by=("mysql_file", 52),
    ),
    Mutation(
        "rows read in mid-stream above changes that were open",
        view_sql=replaced("COALESCE(read_places.order_key, log.`_order_key`)", "log.`_order_key`"),
        flavours=("postgresql",),
        shown_by=("postgresql", 68),
    ),
    Mutation(
        "open transactions of the anchor ignored",
        OrderRules(
            anchor=lambda position, anchored, number: dataclasses.replace(
                position, xmax=None, in_progress=()
            )
        ),
        flavours=("postgresql",),
    ),
    Mutation(
        "transactions of the life before a restore count as open",
        view_sql=replaced(
            "AND SUBSTR(log._order_key, 1, 4) = SUBSTR(snapshots.order_key, 1, 4)", ""
        ),
        flavours=("postgresql",),
        shown_by=("postgresql", 26),
    ),
    Mutation(
        "of equal order keys the first delivery",
        view_sql=replaced(", log._offset)", ", -log._offset)"),
        shown_by=("mysql_gtid", 105),
    ),
)
