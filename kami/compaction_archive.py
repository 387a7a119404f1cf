"""The archive: the rows that a compaction moves, and whether all of them are there.

An archive of years is not read for the rows of a day: of a record that was moved before, the row
has the same order key, and of one that is moved now, the same time of coming in.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from kami.compaction_sql import Relations, render, sql
from kami.errors import RefusedError
from kami.warehouse import Warehouse


class _Oldest(NamedTuple):
    """Of the staged rows the lowest order key and the first time of coming in; None without one."""

    order_key: str | None
    came_in: datetime.datetime | None


def archive(warehouse: Warehouse, relations: Relations, columns: Sequence[str]) -> None:
    """Copies the staged rows that the archive has not, and compares all of them with it.

    Raises RefusedError: the archive has a row otherwise than the log.
    """
    oldest = _oldest(warehouse, relations)
    copied = render(
        "compact_archive.sql.jinja", relations, columns=columns, lowest=oldest.order_key
    )
    warehouse.run(copied)
    missing, staged = _missing(warehouse, relations, columns, oldest.came_in)
    if missing:
        # Of records that were read again: the archive has them, and of another time.
        missing, staged = _missing(warehouse, relations, columns, None)
    if missing:
        message = (
            f"{missing} of {staged} rows of {relations.full_name} are not in {relations.archive} "
            "as the log has them: nothing was deleted; mend the archive's rows that have their "
            "_event_id, and run `kami compact` again"
        )
        raise RefusedError(message)


def _oldest(warehouse: Warehouse, relations: Relations) -> _Oldest:
    (found,) = warehouse.query(
        sql(
            "SELECT MIN(`_order_key`) AS `order_key`, MIN(`_ingested_at`) AS `came_in` "
            "FROM {{ r.staging }}",
            r=relations,
        )
    ).to_pylist()
    return _Oldest(found["order_key"], found["came_in"])


def _missing(
    warehouse: Warehouse,
    relations: Relations,
    columns: Sequence[str],
    since: datetime.datetime | None,
) -> tuple[int, int]:
    """How many of the staged rows the archive has not as they are, and how many there are.

    since: the archive is looked at from this time of coming in on.
    """
    (found,) = warehouse.query(
        render("compact_verify.sql.jinja", relations, columns=columns, since=since)
    ).to_pylist()
    return found["missing"], found["staged"]
