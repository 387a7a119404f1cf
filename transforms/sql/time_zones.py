"""Time zones that a script names."""

from __future__ import annotations

import zoneinfo

from sqlglot import exp

from transforms.sql.errors import SqlError, did_you_mean

# In the data base of some systems, and no zones: the engine's own lacks them.
_NO_ZONES = {"Factory", "localtime", "posixrules"}


def check_time_zone(name: str, place: exp.Expr) -> None:
    """SqlError if `name` is not a time zone of the IANA data base (Europe/Berlin, UTC)."""
    known = zoneinfo.available_timezones() - _NO_ZONES
    if name not in known:
        message = f"unknown time zone {name!r}; {did_you_mean(name, known)}"
        raise SqlError(message, place)
