"""The rows of a database and those that `kami query` prints, by a way of their own.

`kami reconcile` compares them too; this one shares no code with it.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy

from tests.proof.live.shop_database import IN_UTC
from tests.stack.databases import Database

Row = dict[str, Any]


def rows_of(database: Database, table: str, zoned: Sequence[str] = ("changed_at",)) -> list[Row]:
    """The table's rows as `kami query` should print them, in any order.

    Args:
        zoned: columns whose times are moments, in whatever type the driver gives them.
    """
    engine = sqlalchemy.create_engine(
        database.url,
        poolclass=sqlalchemy.NullPool,
        connect_args=IN_UTC[database.url.partition("+")[0]],
    )
    with engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT * FROM {table}").mappings().all()  # noqa: S608
    return [{name: _printed(row[name], name in zoned) for name in row} for row in found]


def differing(expected: Sequence[Row], printed: Sequence[Row]) -> list[Row]:
    """Rows that only one side has; empty where both have the same."""
    left, right = ({repr(sorted(row.items())): row for row in side} for side in (expected, printed))
    assert len(right) == len(printed), "a row was printed twice"
    return [
        *(row for text, row in left.items() if text not in right),
        *(row for text, row in right.items() if text not in left),
    ]


def _printed(value: object, zoned: bool) -> object:
    for kind, text in _TEXTS.items():
        if isinstance(value, kind):
            return text(value, zoned)
    return value


def _moment(value: datetime.datetime, zoned: bool) -> str:
    if zoned:
        value = value.replace(tzinfo=datetime.timezone.utc)
    return value.isoformat()


_TEXTS: Mapping[type, Callable[[Any, bool], str]] = {
    Decimal: lambda value, _: str(value),
    datetime.datetime: _moment,
    bytes: lambda value, _: base64.b64encode(value).decode(),
}
