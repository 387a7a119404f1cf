"""The coordinates of the usual batch's events, straight from Arrow's buffers.

Nearly all batches are of one partition, one connector and one server that is known, and no event
of them is refused. These cost a fraction of what it takes to tell everything apart. Anything else
is left to `order_keys` and `event_ids`, which say the same of these batches.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transforms.change_log_lives import OneSource
from transforms.change_log_texts import Array, constant, lies_within, without_first
from transforms.order_key import filled, hex_digits
from transforms.order_key_numbers import MAX_ROW
from transforms.source_coordinates import (
    BINLOG_CONNECTORS,
    NUMBER_FIELDS,
    POSTGRESQL,
    TEXT_FIELDS,
)

_Mask = npt.NDArray[np.bool_]
_Numbers = npt.NDArray[np.uint64]

_GTIDS = (
    # Before the number: a server's uuid without a tag, or MariaDB's domain and server id.
    re.compile(r"(?P<identity>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(?=[0-9]+$)"),
    re.compile(r"(?P<identity>[0-9]{1,7})-[0-9]+-(?=[0-9]+$)"),
)


@dataclasses.dataclass(frozen=True)
class UsualEvents:
    """Events of one partition, one connector, and one life of a log.

    fields: those of `source` that are looked at. has_own: which events have coordinates of their
    own, the others are rows of a snapshot. parts: the order keys' four numbers of them.
    """

    fields: Mapping[str, Array]
    op: Array
    is_binlog: bool
    is_snapshot: _Mask
    has_own: _Mask
    parts: list[_Numbers]


def usual_events(source: Any, op: Any, lives: OneSource) -> UsualEvents | None:
    """The events with their coordinates; None where they are not the usual ones.

    source: Debezium's `source` (StructArray). op: of the same events.
    """
    fields = _fields(source)
    if fields is None or not len(op) or op.type != pa.string() or op.null_count:
        return None
    connector = constant(fields["connector"]) if "connector" in fields else None
    is_snapshot = _mask(pc.equal(op, pa.scalar("r")))
    if connector in BINLOG_CONNECTORS:
        found = _in_binlog(fields, is_snapshot, lives)
    elif connector == POSTGRESQL:
        found = _in_postgresql(fields, is_snapshot, lives)
    else:
        return None
    if found is None:
        return None
    has_own, parts = found
    return UsualEvents(fields, op, connector != POSTGRESQL, is_snapshot, has_own, parts)


def usual_keys(events: UsualEvents, newest: str | None) -> tuple[pa.StringArray, str | None]:
    """The order keys of usual events, and the newest of the partition: as `order_keys` has it."""
    parts = events.parts
    if not events.has_own.all():
        parts = filled(parts, events.has_own, ~events.has_own, newest)
    keys = hex_digits(parts)
    rows = np.flatnonzero(events.has_own)
    if len(rows):
        for part in parts[1:]:
            values = part[rows]
            rows = rows[values == values.max()]
        own: str = keys[int(rows[0])].as_py()
        newest = own if newest is None else max(own, newest)
    return keys, newest


def _fields(source: Any) -> dict[str, Array] | None:
    if source.null_count:
        return None
    fields = {}
    for field, column in zip(source.type, source.flatten(), strict=True):
        if field.name in TEXT_FIELDS:
            if field.type != pa.string():
                return None
        elif field.name in NUMBER_FIELDS:
            if field.type not in (pa.int64(), pa.int32()):
                return None
        else:
            continue
        fields[field.name] = column
    return fields


def _in_binlog(
    fields: Mapping[str, Array], is_snapshot: _Mask, lives: OneSource
) -> tuple[_Mask, list[_Numbers]] | None:
    pos, row = _numbers(fields, "pos"), _numbers(fields, "row")
    if pos is None or row is None or "gtid" not in fields or int(row.max()) > MAX_ROW:
        return None
    gtid = fields["gtid"]
    has_own = _mask(gtid.is_valid())
    if not (has_own | is_snapshot).all():
        return None
    ordinal, number = 0, np.zeros(len(gtid), np.uint64)
    own: Any = gtid.drop_null() if gtid.null_count else gtid
    if len(own):
        taken = _gtid_numbers(own)
        known = None if taken is None else lives.in_order(taken[0])
        if taken is None or known is None:
            return None
        ordinal, number[has_own] = known, taken[1]
    incarnation = np.full(len(gtid), ordinal, np.uint64)
    tail = row.astype(np.uint64) * np.uint64(256) + (~is_snapshot).astype(np.uint64)
    return has_own, [incarnation, number, pos.astype(np.uint64), tail]


def _in_postgresql(
    fields: Mapping[str, Array], is_snapshot: _Mask, lives: OneSource
) -> tuple[_Mask, list[_Numbers]] | None:
    if "gtid" in fields or "lsn" not in fields:
        return None
    lsn: Any = fields["lsn"]
    has_own = _mask(lsn.is_valid())
    if not (has_own | is_snapshot).all():
        return None
    filled_lsn: Any = pc.fill_null(lsn, pa.scalar(0, lsn.type))
    numbers = _numbers({"lsn": filled_lsn}, "lsn")
    if numbers is None:
        return None
    count = len(numbers)
    incarnation = np.full(count, lives.counted_by_hand(lives.source), np.uint64)
    tail = (~is_snapshot).astype(np.uint64)
    return has_own, [incarnation, numbers.astype(np.uint64), np.zeros(count, np.uint64), tail]


def _gtid_numbers(gtid: Array) -> tuple[str, _Numbers] | None:
    """The identity that all GTIDs share, and their numbers; None where they share none."""
    first: str = gtid[0].as_py()
    form = next(filter(None, (form.match(first) for form in _GTIDS)), None)
    if form is None:
        return None
    starts: Any = pc.starts_with(gtid, form.group())
    if starts.true_count < len(gtid):
        return None
    digits: Any = without_first(gtid.cast(pa.binary()), form.end())
    octets = lies_within(digits)
    if ((octets < ord("0")) | (octets > ord("9"))).any():
        return None
    try:
        numbers: Any = digits.cast(pa.string()).cast(pa.uint64())
    except pa.ArrowInvalid:
        # Empty, or over 64 bits.
        return None
    return form["identity"], numbers.to_numpy()


def _numbers(fields: Mapping[str, Array], name: str) -> npt.NDArray[np.int64] | None:
    column = fields.get(name)
    if column is None or column.null_count:
        return None
    numbers: npt.NDArray[np.int64] = column.to_numpy()
    return None if int(numbers.min()) < 0 else numbers


def _mask(column: Any) -> _Mask:
    found: _Mask = column.to_numpy(zero_copy_only=False)
    return found
