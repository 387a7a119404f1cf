"""The ids of the usual batch's events: those of `event_ids`, from fewer columns."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from transforms.change_log_texts import VARIES, Array, constant, same_width_texts
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
    encoded = pl.Series("", _encoded(events, total_order, key, by_hand)).to_list()
    # The one loop over rows, for the reason that `event_ids` gives. A state is copied more cheaply
    # than made.
    start = hashlib.blake2b(digest_size=DIGEST_BYTES).copy
    digests = []
    for each in encoded:
        state = start()
        state.update(each)
        digests.append(state.digest())
    octets = np.frombuffer(binascii.hexlify(b"".join(digests)), np.uint8)
    return same_width_texts(octets, 2 * DIGEST_BYTES)


def _encoded(events: UsualEvents, total_order: Array | None, key: Array, by_hand: int) -> Any:
    """What is hashed of each event (Binary): the pieces of `event_ids`, the constant ones once."""
    fields = events.fields
    always = np.ones(len(key), np.bool_)
    in_binlog = always & events.is_binlog
    # Rows of a snapshot without a GTID say other things than events that have one.
    in_log = in_binlog & ~events.has_own
    pieces: list[_Piece] = []
    for name in ("connector", "name", "db", "schema", "table"):
        pieces += _prefixed(fields.get(name), always)
    pieces += _prefixed(events.op, always)
    pieces += _prefixed(fields.get("gtid"), in_binlog & events.has_own)
    pieces += _prefixed(fields.get("file"), in_log)
    by_position = in_log
    order: _Piece = _NOTHING
    if total_order is not None:
        order = _number(total_order)
        by_position = in_log | (in_binlog & _mask(total_order.is_null()))
    elif events.is_binlog:
        by_position = in_binlog
    by_order = events.has_own if events.is_binlog else _mask(key.is_null())
    pieces += [
        _where(in_log | ~in_binlog, str(by_hand)),
        _where(by_order, order),
        _where(in_log, _number(fields.get("server_id"))),
        _where(by_position, _number(fields.get("pos"))),
        _where(by_position, _number(fields.get("row"))),
        _where(~in_binlog, _number(fields.get("lsn"))),
        _where(events.is_snapshot, _read_at(events)),
    ]
    if not key.null_count:
        return _joined([*pieces, "+"], key)
    kept: Any = pc.binary_join_element_wise(_binary("+"), key, _binary(""))
    return _joined([*pieces, ""], pc.fill_null(kept, _binary(_NOTHING)))


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


def _prefixed(column: Any, mask: _Mask) -> list[_Piece]:
    """A text after its length in bytes, where the mask is set; '-' for NULL and elsewhere."""
    text = None if column is None or not mask.any() else constant(column)
    if text is None:
        return [_NOTHING, ""]
    if text is not VARIES:
        length: _Piece = str(len(str(text).encode()))
        return [_where(mask, length), _where(mask, str(text), "")]
    # NULL stays NULL in both, until they are filled.
    lengths = _number(pc.binary_length(column))
    filled: Any = pc.fill_null(column, "") if column.null_count else column
    return [_where(mask, lengths), _where(mask, filled, "")]


def _number(column: Any) -> _Piece:
    """Numbers as texts, '-' for NULL."""
    if column is None or column.null_count == len(column):
        return _NOTHING
    if column.null_count:
        filled: Any = pc.fill_null(column.cast(pa.string()), _NOTHING)
        numbers: Array = filled
        return numbers
    values = column.to_numpy()
    if (values == values[0]).all():
        return str(values[0])
    text: Array = column.cast(pa.string())
    return text


def _where(mask: _Mask, piece: _Piece, otherwise: str = _NOTHING) -> _Piece:
    """The piece where the mask is set, else the other text."""
    if mask.all():
        return piece
    if (isinstance(piece, str) and piece == otherwise) or not mask.any():
        return otherwise
    value: Any = pa.scalar(piece) if isinstance(piece, str) else piece
    chosen: Array = pc.if_else(pa.array(mask), value, pa.scalar(otherwise))
    return chosen


def _joined(pieces: Iterable[_Piece], key: Array) -> Any:
    """The pieces with ':' between them, the last one and the key with nothing between them."""
    joined: list[Any] = []
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += f"{piece}:"
        else:
            joined += [_binary(text)] if text else []
            joined.append(piece.cast(pa.binary()))
            text = ":"
    # The last piece is a text.
    return pc.binary_join_element_wise(*joined, _binary(text[:-1]), key, _binary(""))


def _mask(column: Any) -> _Mask:
    found: _Mask = column.to_numpy(zero_copy_only=False)
    return found


def _binary(text: str) -> Any:
    return pa.scalar(text.encode(), pa.binary())
