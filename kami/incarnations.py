"""The incarnations of a source's log: who wrote it, in the order in which they did.

Log positions start over when a server without GTIDs is restored, or another one takes its place;
only a person knows, and counts a new incarnation by hand.
"""

from __future__ import annotations

import datetime

from kami.compaction_sql import sql
from kami.compaction_state import create_bookkeeping
from kami.errors import ConfigurationError, RefusedError
from kami.history_position import Identity
from kami.warehouse import Warehouse, table_sql

MAX_ORDINAL = 0xFFFF
"""What the four hex digits of an order key hold."""

INCARNATIONS = "_incarnations"


def list_incarnations(warehouse: Warehouse, dataset: str) -> list[dict[str, object]]:
    """The rows of `_incarnations` by source and ordinal; none without the table."""
    if INCARNATIONS not in warehouse.tables(dataset):
        return []
    rows: list[dict[str, object]] = warehouse.query(
        sql(
            "SELECT `source`, `ordinal`, `identity`, `first_seen`, `added_by` "
            "FROM {{ place }} ORDER BY `source`, `ordinal`",
            place=table_sql(dataset, INCARNATIONS),
        )
    ).to_pylist()
    return rows


def identities(warehouse: Warehouse, dataset: str) -> list[Identity]:
    """What positions are read with."""
    return [
        Identity(int(str(row["ordinal"])), str(row["identity"] or ""))
        for row in list_incarnations(warehouse, dataset)
    ]


def add_incarnation(
    warehouse: Warehouse,
    dataset: str,
    now: datetime.datetime,
    logical_name: str | None = None,
    added_by: str = "kami incarnation add",
) -> dict[str, object]:
    """Counts a new incarnation by hand and yields its row.

    Args:
        logical_name: Debezium's `source.name`, whose records it is about; by default the one that
            the dataset's log has.

    Raises:
        ConfigurationError: the log has several logical names, or none yet, and none is given.
        RefusedError: the newest incarnation has GTIDs, or no ordinal is left.
    """
    create_bookkeeping(warehouse, dataset)
    rows = list_incarnations(warehouse, dataset)
    name = logical_name or _only_logical_name(warehouse, dataset, rows)
    known = [row for row in rows if row["source"] == name]
    if known and known[-1]["identity"]:
        message = (
            f"the newest incarnation of {name!r} is {known[-1]['identity']!r}: its log has GTIDs, "
            "which say themselves when another server writes; nothing is to be counted by hand"
        )
        raise RefusedError(message)
    ordinal = int(str(known[-1]["ordinal"])) + 1 if known else 1
    if ordinal > MAX_ORDINAL:
        message = (
            f"{name!r} has {ordinal - 1} incarnations, and order keys hold no more than "
            f"{MAX_ORDINAL}: take a new snapshot under another source name"
        )
        raise RefusedError(message)
    row: dict[str, object] = {
        "source": name,
        "ordinal": ordinal,
        "identity": "",
        "first_seen": now,
        "added_by": added_by,
    }
    warehouse.run(
        sql(
            "INSERT INTO {{ place }} (`source`, `ordinal`, `identity`, `first_seen`, `added_by`) "
            "VALUES ({{ source | literal }}, {{ ordinal }}, '', {{ first_seen | timestamp }}, "
            "{{ added_by | literal }})",
            place=table_sql(dataset, INCARNATIONS),
            **row,
        )
    )
    return row


def _only_logical_name(warehouse: Warehouse, dataset: str, rows: list[dict[str, object]]) -> str:
    names = {str(row["source"]) for row in rows}
    if not names:
        logs = [name for name in sorted(warehouse.tables(dataset)) if name.endswith("_change_log")]
        for log in logs:
            found = warehouse.query(
                sql(
                    "SELECT DISTINCT l.`source`.`name` AS `name` FROM {{ place }} AS l "
                    "WHERE l.`source`.`name` IS NOT NULL",
                    place=table_sql(dataset, log),
                )
            ).to_pylist()
            names |= {str(row["name"]) for row in found}
    if len(names) != 1:
        listed = ", ".join(sorted(names)) or "none"
        message = (
            f"the logs of {dataset!r} name these sources: {listed}; say which one with "
            "--logical-name: Debezium's topic.prefix, `source.name` in its records"
        )
        raise ConfigurationError(message)
    return names.pop()
