"""Update times as a column holds them and as microseconds since 1970 in UTC.

A column without a zone holds what clocks on a wall show. Where that zone has summer time an hour
is shown twice each year, and the order of such times is not that of the changes: ranges of time
are widened so that nothing in them is passed over.
"""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.audit_errors import AuditError

UTC = "UTC"
_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  # what a wall shows has no zone
FIRST_US = -62_135_596_800_000_000
_LATEST_US = 253_402_300_799_999_999


def zone_of(name: str) -> str:
    """The zone's name, or AuditError for one that is none."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = (
            f"{name!r} is no time zone; expected a name of the IANA database such as 'UTC' or "
            "'Europe/Berlin'"
        )
        raise AuditError(message) from error
    return name


def wall_us(us: int, zone: str) -> int:
    """What a clock in the zone shows at the instant, as microseconds since 1970."""
    if zone == UTC or not FIRST_US < us < _LATEST_US:
        return us
    instant = datetime.datetime.fromtimestamp(0, datetime.timezone.utc) + datetime.timedelta(
        microseconds=us
    )
    try:
        offset = instant.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset()
    except OverflowError:  # within a day of the calendar's ends
        return us
    assert offset is not None  # noqa: S101  # the instant has a zone
    return us + offset // datetime.timedelta(microseconds=1)


def wall_range(after_us: int | None, upto_us: int, zone: str) -> tuple[int | None, int]:
    """The lowest and the highest time that a wall showed from one instant to another.

    Clocks that are set back in between show times once more that they had shown before.
    """
    if after_us is None:
        # As from an hour before: what a clock was set back by, it showed in that hour.
        return None, wall_range(upto_us - 3_600_000_000, upto_us, zone)[1]
    upto = wall_us(upto_us, zone)
    after = wall_us(after_us, zone)
    length = max(upto_us - after_us, 0)
    return min(after, upto - length), max(upto, after + length)


def utc_us(wall: pa.Array[Any], zone: str) -> pa.Array[Any]:
    """Microseconds in UTC of what a wall showed; of a time shown twice, the first."""
    if zone == UTC:
        return wall
    within = pc.and_(pc.greater(wall, pa.scalar(FIRST_US)), pc.less(wall, pa.scalar(_LATEST_US)))
    times = pc.if_else(within, wall, pa.scalar(None, pa.int64())).cast(pa.timestamp("us"))
    moved = pc.assume_timezone(times, zone, ambiguous="earliest", nonexistent="earliest")
    return pc.coalesce(moved.cast(pa.int64()), wall)


def time_text(us: int) -> str:
    """`2026-01-31 23:59:59.000001`, as PostgreSQL and MySQL read it; the calendar's first or last
    moment for what is beyond."""
    us = min(max(us, FIRST_US), _LATEST_US)
    return (_EPOCH + datetime.timedelta(microseconds=us)).isoformat(" ", "microseconds")


def text_us(text: object) -> int | None:
    """Microseconds of an ISO 8601 text, in UTC where it names no zone; None for anything else."""
    if not isinstance(text, str):
        return None
    iso = text.strip()
    if iso.endswith(("Z", "z")):
        iso = f"{iso[:-1]}+00:00"
    try:
        time = datetime.datetime.fromisoformat(_padded(iso))
    except ValueError:
        return None
    if time.tzinfo is not None:
        time = time.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return (time - _EPOCH) // datetime.timedelta(microseconds=1)


def _padded(iso: str) -> str:
    """Python before 3.11 reads fractions of three and six digits alone."""
    whole, dot, rest = iso.partition(".")
    if not dot:
        return iso
    length = next((at for at, letter in enumerate(rest) if not letter.isdigit()), len(rest))
    return f"{whole}.{rest[:length][:6].ljust(6, '0')}{rest[length:]}"
