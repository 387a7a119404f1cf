"""Positions that a person writes (a time, a GTID, an lsn, an order key) as an order key."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import NamedTuple

from kami.errors import ConfigurationError
from kami.schema import Dialect

_ORDER_KEY = re.compile(r"[0-9a-f]{4}/[0-9a-f]{16}/[0-9a-f]{16}/[0-9a-f]{8}")
_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_MYSQL_GTID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?::[a-z_]\w*)?):([-:0-9]+)")
_MARIADB_GTID = re.compile(r"([0-9]+)-[0-9]+-([0-9]+)")
_BINLOG = re.compile(r"[^/:]*\.([0-9]+):([0-9]+)")
_NEWEST = "f" * 16 + "/" + "f" * 8

FORMS = (
    "a time (2026-01-31T12:00:00Z), an order key, a GTID or GTID set, an lsn (16/B374D848) or "
    "binlog.000123:456"
)


class Identity(NamedTuple):
    """An incarnation of the source's log, as `_incarnations` has it; by hand: identity ''."""

    ordinal: int
    identity: str


def is_order_key(text: str) -> bool:
    return _ORDER_KEY.fullmatch(text) is not None


def time_of(text: str) -> datetime.datetime | None:
    """The time that the text says, in UTC where it names no zone; None for another position."""
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|$)", text):
        return None
    try:
        # Python 3.10 reads neither Z nor fractions of other than 3 or 6 digits.
        cut = re.sub(r"\.([0-9]+)", lambda found: f".{found[1]:0<6.6}", text.replace("Z", "+00:00"))
        time = datetime.datetime.fromisoformat(cut)
    except ValueError as error:
        message = f"the time {text!r} cannot be read ({error}); expected {FORMS}"
        raise ConfigurationError(message) from error
    if time.tzinfo is None:
        return time.replace(tzinfo=datetime.timezone.utc)
    return time.astimezone(datetime.timezone.utc)


def order_key_of(text: str, dialect: Dialect, known: Sequence[Identity]) -> str:
    """The highest order key of what is at or before the position.

    Raises:
        ConfigurationError: the text is no position, or one of a server that the log never showed.
    """
    text = text.strip()
    if is_order_key(text):
        return text
    if dialect == "postgresql" and (found := _LSN.fullmatch(text)):
        return _by_hand(known, int(found[1], 16) << 32 | int(found[2], 16))
    if dialect == "postgresql" and text.isascii() and text.isdigit():
        return _by_hand(known, int(text))
    if dialect == "mysql" and (found := _BINLOG.fullmatch(text)):
        ordinal = _ordinal_by_hand(known)
        return f"{ordinal:04x}/{int(found[1]):016x}/{int(found[2]):016x}/{'f' * 8}"
    if dialect == "mysql" and (last := _last_transactions(text)):
        return _of_gtids(last, text, known)
    message = f"the position is {text!r}; expected {FORMS} of a {dialect} source"
    raise ConfigurationError(message)


def _last_transactions(text: str) -> dict[str, int]:
    """Identity -> its last transaction, of a GTID or a GTID set of MySQL or MariaDB."""
    last: dict[str, int] = {}
    for part in re.split(r"[,\s]+", text.lower()):
        if found := _MYSQL_GTID.fullmatch(part):
            numbers = [int(number) for number in re.findall("[0-9]+", found[2])]
            if not numbers:
                return {}
            last[found[1]] = max(last.get(found[1], 0), numbers[-1])
        elif found := _MARIADB_GTID.fullmatch(part):
            last[found[1]] = max(last.get(found[1], 0), int(found[2]))
        elif part:
            return {}
    return last


def _of_gtids(last: dict[str, int], text: str, known: Sequence[Identity]) -> str:
    ordinals = {one.identity: one.ordinal for one in known}
    if not any(identity in ordinals for identity in last):
        listed = ", ".join(sorted(ordinals)) or "none"
        message = (
            f"the position {text!r} is of no server that the log has shown; known: {listed}; "
            "`kami incarnation list` lists them"
        )
        raise ConfigurationError(message)
    newest = max((one for one in last if one in ordinals), key=lambda one: ordinals[one])
    return f"{ordinals[newest]:04x}/{last[newest]:016x}/{_NEWEST}"


def _by_hand(known: Sequence[Identity], lsn: int) -> str:
    return f"{_ordinal_by_hand(known):04x}/{lsn:016x}/{_NEWEST}"


def _ordinal_by_hand(known: Sequence[Identity]) -> int:
    return max((one.ordinal for one in known if not one.identity), default=0)
