"""Time zones that a script names."""

from __future__ import annotations

import zoneinfo

from sqlglot import exp

from transforms.sql.errors import SqlError, did_you_mean


def check_time_zone(name: str, place: exp.Expr) -> None:
    """SqlError if `name` is not a time zone of the IANA data base (Europe/Berlin, UTC)."""
    known = zoneinfo.available_timezones()
    if name not in known:
        message = f"unknown time zone {name!r}; {did_you_mean(name, known)}"
        raise SqlError(message, place)
