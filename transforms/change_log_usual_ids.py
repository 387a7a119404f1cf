"""The ids of the usual batch's events: those of `event_ids`, from fewer columns."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transforms.change_log_texts import VARIES, Array, buffers, constant, same_width_texts
from transforms.change_log_usual import UsualEvents
from transforms.event_id import DIGEST_BYTES

_Mask = npt.NDArray[np.bool_]
_Piece: TypeAlias = "str | Array"
_NOTHING = "-"


def usual_ids(
    events: UsualEvents, total_order: Array | None, key: Array, by_hand: int
) -> pa.StringArray:
    """The ids (32 hex digits each).

    total_order: Int64, of `transaction`. key: the records' keys (Binary) without the wire format's
    header. by_hand: the ordinal of the log's life where it has no GTIDs.
    """
    if not events.is_binlog or events.has_own.all() or not events.has_own.any():
        return _digests(_encoded(events, total_order, key, by_hand))
    # Rows of a snapshot say other things than events with a GTID.
    digests = np.empty((len(key), 2 * DIGEST_BYTES), np.uint8)
    for mask in (events.has_own, ~events.has_own):
        rows = np.flatnonzero(mask)
        at = pa.array(rows, pa.int64())
        some = UsualEvents(
            {name: column.take(at) for name, column in events.fields.items()},
            events.op.take(at),
            events.is_binlog,
            events.is_snapshot[rows],
            events.has_own[rows],
            [],
        )
        order = None if total_order is None else total_order.take(at)
        encoded = _encoded(some, order, key.take(at), by_hand)
        digests[rows] = _hex(encoded).reshape(len(rows), -1)
    return same_width_texts(digests.reshape(-1), 2 * DIGEST_BYTES)


def _encoded(events: UsualEvents, total_order: Array | None, key: Array, by_hand: int) -> Any:
    """What is hashed of each event (Binary): the pieces of `event_ids`, the constant ones once."""
    in_log = events.is_binlog and not events.has_own.any()
    has_gtid = events.is_binlog and not in_log
    fields = events.fields
    pieces: list[_Piece] = []
    for name in ("connector", "name", "db", "schema", "table"):
        pieces += _prefixed(fields.get(name))
    pieces += _prefixed(events.op)
    pieces += _prefixed(fields.get("gtid") if has_gtid else None)
    pieces += _prefixed(fields.get("file") if in_log else None)
    order = _NOTHING if total_order is None else _number(total_order)
    has_key: _Mask = key.is_valid().to_numpy(zero_copy_only=False)
    pieces.append(_NOTHING if has_gtid else str(by_hand))
    if events.is_binlog:
        pieces.append(order if has_gtid else _NOTHING)
    else:
        pieces.append(_where(~has_key, order))
    pieces.append(_number(fields.get("server_id")) if in_log else _NOTHING)
    for name in ("pos", "row"):
        if not events.is_binlog:
            pieces.append(_NOTHING)
        elif in_log or total_order is None:
            pieces.append(_number(fields.get(name)))
        else:
            without = total_order.is_null().to_numpy(zero_copy_only=False)
            pieces.append(_where(without, _number(fields.get(name))))
    pieces.append(_NOTHING if events.is_binlog else _number(fields.get("lsn")))
    pieces.append(_where(events.is_snapshot, _read_at(events)))
    kept: Any = pc.binary_join_element_wise(pa.scalar(b"+", pa.binary()), key, _binary(""))
    pieces.append(pc.fill_null(kept, b"-") if kept.null_count else kept)
    return pc.binary_join_element_wise(*_merged(pieces), _binary(":"))


def _read_at(events: UsualEvents) -> _Piece:
    """When a snapshot's row was read."""
    times: list[Any] = [
        events.fields[name].cast(pa.int64())
        for name in ("ts_ns", "ts_us", "ts_ms")
        if name in events.fields
    ]
    if not times or not events.is_snapshot.any():
        return _NOTHING
    return _number(pc.coalesce(*times) if times[0].null_count else times[0])


def _prefixed(column: Any) -> list[_Piece]:
    """A text after its length in bytes, '-' for NULL."""
    text = None if column is None else constant(column)
    if column is None or text is None:
        return [_NOTHING, ""]
    if text is not VARIES:
        return [str(len(str(text).encode())), str(text)]
    lengths: Any = pc.binary_length(column)
    if column.null_count:
        filled: Any = pc.fill_null(column, "")
        return [_number(lengths), filled]
    widths: Any = lengths.to_numpy()
    is_one = bool((widths == widths[0]).all())
    return [str(widths[0]) if is_one else _number(lengths), column]


def _number(column: Any) -> _Piece:
    """Numbers as texts, '-' for NULL."""
    if column is None or column.null_count == len(column):
        return _NOTHING
    text: Any = column.cast(pa.string())
    filled: _Piece = pc.fill_null(text, _NOTHING) if column.null_count else text
    return filled


def _where(mask: _Mask, piece: _Piece) -> _Piece:
    """The piece where the mask is set, else '-'."""
    if (isinstance(piece, str) and piece == _NOTHING) or not mask.any():
        return _NOTHING
    if mask.all():
        return piece
    value: Any = pa.scalar(piece) if isinstance(piece, str) else piece
    chosen: Array = pc.if_else(pa.array(mask), value, pa.scalar(_NOTHING))
    return chosen


def _merged(pieces: Sequence[_Piece]) -> list[Any]:
    """The pieces as bytes, constant ones that are neighbours as one."""
    merged: list[Any] = []
    texts: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            texts.append(piece)
            continue
        if texts:
            merged.append(_binary(":".join(texts)))
            texts = []
        merged.append(piece.cast(pa.binary()))
    # The last piece is the key's, which is a column.
    return merged


def _binary(text: str) -> Any:
    return pa.scalar(text.encode(), pa.binary())


def _hex(encoded: Any) -> npt.NDArray[np.uint8]:
    offsets, octets = buffers(encoded)
    whole = memoryview(octets.data)
    ends = offsets.tolist()
    # The one loop over rows, for the reason that `event_ids` gives.
    blake2b = hashlib.blake2b
    digests = [
        blake2b(whole[start:end], digest_size=DIGEST_BYTES).digest()
        for start, end in itertools.pairwise(ends)
    ]
    return np.frombuffer(b"".join(digests).hex().encode(), np.uint8)


def _digests(encoded: Any) -> pa.StringArray:
    return same_width_texts(_hex(encoded), 2 * DIGEST_BYTES)
