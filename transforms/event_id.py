"""The id of a change event: the same whenever and however often it is delivered."""

from __future__ import annotations

import hashlib

import polars as pl

from transforms.incarnation import Incarnations
from transforms.order_key_numbers import change_number
from transforms.source_coordinates import (
    AUDIT_COLUMNS,
    BINLOG_CONNECTORS,
    POSTGRESQL,
    SPANNER,
    coordinates,
)

# 128 bits: among 10**12 events two share an id with a chance of 10**-15.
DIGEST_BYTES = 16


def event_ids(
    source: pl.Series,
    op: pl.Series,
    transaction: pl.Series | None,
    key: pl.Series,
    incarnations: Incarnations | None = None,
) -> pl.Series:
    """The ids of change events: 32 hex digits each, from source name, table, key, op, coordinates.

    Coordinates are the GTID with `transaction.total_order` where Debezium gives it, else with
    position and row; without GTID the server id, file, position and row; in PostgreSQL the lsn; of
    polled tables and of Spanner the numbers of the order key.
    A snapshot's rows have the time of the read besides: each snapshot is news. Rows without a key
    in PostgreSQL need `transaction` metadata to differ: COPY writes many under one lsn.

    Args:
        source: Debezium's `source` as a struct. A field that is missing counts as NULL.
        transaction: Debezium's `transaction` as a struct, or None when the topic has none.
        key: the record's key, Binary as it was received.
        incarnations: counts logs without GTIDs that began anew, as `order_keys` has it.
    """
    order: pl.Series | pl.Expr = pl.lit(None, pl.Int64)
    # A topic without transaction metadata may have the field all the same, of whatever type.
    if transaction is not None and isinstance(transaction.dtype, pl.Struct):
        order = transaction.struct.field("total_order").cast(pl.Int64)
    frame = coordinates(source, op)
    frame = frame.with_columns(order.alias("total_order"), has_key=key.is_not_null())
    is_binlog = pl.col("connector").is_in(BINLOG_CONNECTORS).fill_null(False)
    is_postgresql = pl.col("connector").eq_missing(POSTGRESQL)
    in_binlog = is_binlog & pl.col("gtid").is_null()
    by_position = is_binlog & (pl.col("gtid").is_null() | pl.col("total_order").is_null())
    by_order = (is_binlog & pl.col("gtid").is_not_null()) | (is_postgresql & ~pl.col("has_key"))
    is_polled = pl.col("connector").eq_missing(AUDIT_COLUMNS)
    is_spanner = pl.col("connector").eq_missing(SPANNER)
    counted = {
        name: 0 if incarnations is None else incarnations.counted_by_hand(name or "")
        for name in frame["name"].unique()
    }
    by_hand = pl.col("name").replace_strict(
        list(counted), list(counted.values()), default=0, return_dtype=pl.Int64
    )
    texts = ["connector", "name", "db", "schema", "table", "op"]
    numbers = [
        pl.when(~is_binlog | pl.col("gtid").is_null()).then(by_hand),
        pl.when(by_order).then("total_order"),
        pl.when(in_binlog).then("server_id"),
        pl.when(by_position)
        .then("pos")
        .when(is_polled)
        .then("revision")
        .when(is_spanner)
        .then(change_number()),
        pl.when(by_position).then("row"),
        pl.when(is_polled)
        .then("updated_us")
        .when(is_spanner)
        .then("ts_us")
        .when(~is_binlog)
        .then("lsn"),
        # A polled row that is read for the first time has numbers, by which a repeat is known.
        pl.when(pl.col("is_snapshot") & ~is_polled).then(pl.coalesce("ts_ns", "ts_us", "ts_ms")),
    ]
    pieces = [piece for text in texts for piece in _prefixed(pl.col(text))]
    pieces += _prefixed(pl.when(is_binlog).then("gtid"))
    pieces += _prefixed(pl.when(in_binlog).then("file"))
    pieces += [number.cast(pl.String).fill_null("-") for number in numbers]
    encoded = frame.select(pl.concat_str(pieces, separator=":")).to_series()
    # The one loop over rows: no stable hash of 128 bits runs on columns here, and those that do
    # (polars' own) change between versions.
    blake2b = hashlib.blake2b
    ids = [
        blake2b(
            text.encode() + (b":-" if raw_key is None else b":+" + raw_key),
            digest_size=DIGEST_BYTES,
        ).hexdigest()
        for text, raw_key in zip(encoded.to_list(), key.to_list(), strict=True)
    ]
    return pl.Series("event_id", ids, dtype=pl.String)


def _prefixed(text: pl.Expr) -> list[pl.Expr]:
    """A text after its length in bytes, which is '-' for NULL: read in one way only."""
    return [text.str.len_bytes().cast(pl.String).fill_null("-"), text.fill_null("")]
