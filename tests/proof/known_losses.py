"""The values of the recorded types that do not come back, and what comes instead (docs/proof.md).

Rows 51 to 65 were in the connector's snapshot, 71 to 85 are the same values streamed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.proof.database_texts import comparable

Losses = dict[tuple[int, str], Any]


def instead(name: str, number: int, column: str, value: object) -> object:
    """What comes for a value of the row of this number: the value itself unless it is lost."""
    if name.startswith("pg"):
        losses = _POSTGRESQL | _POSTGRESQL_BY_TIME.get(name.split("_")[-1], {})
        if "_string" in name and column == "c_numeric":
            return value
    else:
        losses = _MYSQL | _MYSQL_BY_TIME.get(name.split("_")[-1], {})
    return comparable(name, column, losses[number, column]) if (number, column) in losses else value


def _both(number: int, columns: Iterable[str], printed: object) -> Losses:
    """The same in the snapshot and streamed."""
    return {(row, f"c_{column}"): printed for row in (number, number + 20) for column in columns}


_TIMES = ("time0", "time3", "time6")
_STAMPS = ("timestamp0", "timestamp3", "timestamp6", "timestamptz")
_LATEST, _EARLIEST = "9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"

_MYSQL: Losses = {
    # The snapshot gives FLOAT with six digits.
    (56, "c_float"): 123457.0,
    (57, "c_float"): 3.40282e38,
    (78, "c_enum"): "x\\,y",
    **_both(59, ("date", "datetime0", "datetime6"), None),
    **_both(60, ("date", "datetime6"), None),
    (59, "c_timestamp6"): None,
    (79, "c_timestamp6"): "1970-01-01T00:00:00+00:00",
    (59, "c_year"): 2000,
    (79, "c_year"): 1900,
}
_BEYOND_A_DAY: Losses = {
    **_both(51, _TIMES, None),
    **_both(52, _TIMES, None),
    **_both(53, ("time3", "time6"), None),
    **_both(54, _TIMES, None),
}
_MYSQL_BY_TIME: dict[str, Losses] = {
    "connect": _BEYOND_A_DAY,
    "isostring": {**_BEYOND_A_DAY, **_both(53, ("time0",), "00:00:00")},
}
_POSTGRESQL: Losses = {
    **_both(51, ("date",), "9999-12-31"),
    **_both(52, ("date",), "0001-01-01"),
    **_both(53, ("timestamp0", "timestamp6"), _LATEST),
    **_both(53, ("timestamp3",), _EARLIEST),
    **_both(54, ("timestamptz",), f"{_LATEST}+00:00"),
    **_both(54, ("timestamptz3",), f"{_EARLIEST}+00:00"),
    **_both(55, ("numeric",), None),
    **_both(56, ("numeric_10_2",), None),
    **_both(57, ("numeric",), None),
    **_both(58, ("date", "timestamp6", "timestamptz"), None),
    # In the snapshot Debezium moves year 1 by two days, into a year before it.
    **{(59, f"c_{column}"): None for column in _STAMPS},
    **_both(60, ("date", "timestamp6", "timestamptz"), None),
    (60, "c_date"): "0044-03-15",
    **_both(61, ("interval",), "9223372036854775807"),
    **_both(62, ("interval",), "31589206200000000"),
    # The snapshot gives money through a number of 64 bits with a floating point.
    (63, "c_money"): "92233720368547760.00",
    (64, "c_money"): "-92233720368547760.00",
    **_both(65, _TIMES, "23:59:59.999999"),
}
_POSTGRESQL_BY_TIME: dict[str, Losses] = {
    "isostring": _both(65, _TIMES, "00:00:00"),
    # Infinity runs over 64 bits, and nothing tells it from these times.
    "nanoseconds": {
        **_both(53, ("timestamp0", "timestamp6"), "1969-12-31T23:59:30.424192"),
        **_both(53, ("timestamp3",), "1970-01-01T00:00:22.375808"),
    },
}
