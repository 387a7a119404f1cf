"""The god view as of a consistent read of the database, by what the log has now.

The log may bring changes from before the read later: then the same view is what the read saw.
"""

from __future__ import annotations

import datetime

from kami import tables as names
from kami.compaction_sql import Relations, render, sql
from kami.context import ConfiguredTable
from kami.errors import ConfigurationError, RefusedError
from kami.history_position import order_key_of
from kami.incarnations import identities
from kami.reconcile_moment import Moment
from kami.reconcile_sides import LOWEST
from kami.warehouse import Warehouse, table_sql

MAX_POSITIONS = 16
"""The most transactions as of which a table is compared, where the read may have seen each."""


def as_of_views(warehouse: Warehouse, table: ConfiguredTable, moment: Moment) -> list[str]:
    """SQL of the god view that is deployed, as of the read, the likeliest first.

    One, where it is known exactly what the read saw: in PostgreSQL by the transactions, elsewhere
    when nothing was committed while it began. Else one for each transaction that may be part of it.

    Raises:
        RefusedError: the view is not there, or reads another log.
    """
    view = warehouse.definition(table.dataset, table.name)
    log = Relations.of(table).log
    if view is None or log not in view:
        message = (
            f"{table.full_name} is no god view of {log}, which it is compared with the database as "
            "of; run `kami apply`"
        )
        raise RefusedError(message)
    return [view.replace(log, logged) for logged in _logs_as_of(warehouse, table, moment)]


def state_of_the_log(warehouse: Warehouse, table: ConfiguredTable, moment: Moment) -> str:
    """What to know of the log where rows differ: whether it has come to the read at all."""
    if moment.polled_at is not None:
        return (
            f"the log of {table.full_name} has what pipelines.audit_columns has polled: a change "
            "comes with its next poll, a deleted row with its next sweep (--sweep_every); wait "
            "longer with --wait-seconds"
        )
    known = _order_key(warehouse, table, moment.seen or moment.position)
    own = _newest(warehouse, table, names.change_log_of(table.name))
    newest = own
    for name in warehouse.tables(table.dataset):
        if name.endswith(names.change_log_of("")):
            newest = max(newest, _newest(warehouse, table, name))
    if newest[0] < known or known == LOWEST:
        place = f"its newest change is {newest[0]} of {newest[1]}" if newest[0] else "it is empty"
        return (
            f"the log of {table.dataset} has nothing from after the read at {moment.position}: "
            f"{place}; see that pipelines.change_log runs, and wait longer with --wait-seconds"
        )
    if own[0] < known:
        place = f"the newest of them is {own[0]} of {own[1]}" if own[0] else "it has none"
        return (
            f"the log of {table.full_name} has no change from after the read at {moment.position}: "
            f"{place}; where some are under way, wait longer with --wait-seconds"
        )
    return ""


def _order_key(warehouse: Warehouse, table: ConfiguredTable, position: str) -> str:
    try:
        known = identities(warehouse, table.dataset)
        return order_key_of(position, table.source.dialect, known)
    except ConfigurationError:
        # A server that the log has not shown yet: nothing of it is in the warehouse.
        return LOWEST


def _logs_as_of(warehouse: Warehouse, table: ConfiguredTable, moment: Moment) -> list[str]:
    """SQL of the log's rows that the read saw."""
    highest = _order_key(warehouse, table, moment.position)
    relations = Relations.of(table)
    if moment.polled_at is not None:
        return [_polled_before(relations, highest, moment.polled_at), relations.log]
    if moment.xmax is not None:
        running = [one % 2**32 for one in moment.in_progress]
        template = "reconcile_log.sql.jinja"
        seen = render(template, relations, highest=highest, xmax=moment.xmax, running=running)
        return [seen.strip()]
    cuts = [highest]
    if moment.seen != moment.position:
        lowest = LOWEST if moment.seen is None else _order_key(warehouse, table, moment.seen)
        cuts += _transactions(warehouse, table, lowest, highest)
    return [
        sql(
            "(SELECT * FROM {{ log }} WHERE `_order_key` <= {{ cut | literal }})",
            log=relations.log,
            cut=cut,
        )
        for cut in dict.fromkeys(cuts)
    ]


def _polled_before(relations: Relations, highest: str, at: datetime.datetime) -> str:
    """SQL of the rows of a polled log that the read saw.

    A delete has the place right behind the row's last change, whenever it came to pass.
    """
    text = (
        "(SELECT * FROM {{ log }} WHERE `_order_key` <= {{ cut | literal }} "
        "AND (`op` <> 'd' OR `ts_ms` <= {{ at | timestamp }}))"
    )
    return sql(text, log=relations.log, cut=highest, at=at)


def _transactions(
    warehouse: Warehouse, table: ConfiguredTable, lowest: str, highest: str
) -> list[str]:
    """The order keys that end the table's transactions between two others, newest first, and the
    lowest itself."""
    rows = warehouse.query(
        sql(
            "SELECT MAX(`_order_key`) AS `last` FROM {{ log }} "
            "WHERE `_order_key` > {{ lowest | literal }} "
            "AND `_order_key` <= {{ highest | literal }} "
            "GROUP BY {{ transaction }} ORDER BY `last` DESC LIMIT {{ most }}",
            log=table_sql(table.dataset, names.change_log_of(table.name)),
            lowest=lowest,
            highest=highest,
            # Without GTIDs, a place in the file; with them, the transaction's number.
            transaction="SUBSTR(`_order_key`, 1, IF(`source`.`gtid` IS NULL, 38, 21))",
            most=MAX_POSITIONS,
        )
    ).to_pylist()
    return [*(str(row["last"]) for row in rows), lowest]


def _newest(warehouse: Warehouse, table: ConfiguredTable, name: str) -> tuple[str, str]:
    (row,) = warehouse.query(
        sql(
            "SELECT MAX(`_order_key`) AS `newest`, MAX(`ts_ms`) AS `at` FROM {{ log }}",
            log=table_sql(table.dataset, name),
        )
    ).to_pylist()
    return str(row["newest"] or ""), str(row["at"] or "")
