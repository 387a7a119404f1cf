"""The order key of change events: one text by which the changes of a source sort.

`incarnation/major/minor/tail` in 4, 16, 16 and 8 hex digits with leading zeros, so that the order
of the texts is the order of the numbers; also a legal `_CHANGE_SEQUENCE_NUMBER` of BigQuery.
MySQL and MariaDB: ordinal of the GTID's server or domain / transaction number / position in the
binlog / row number << 8 | phase; without GTIDs the number of the binlog file is the major part.
PostgreSQL: lsn as the major part. Polled tables: the update time in microseconds / how many
versions of the row had it before. Spanner: the commit's microseconds / record sequence and number
of the change within it. The phase is 0 for a snapshot's row, else 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from transforms.incarnation import MAX_ORDINAL, Incarnations, TaggedGtidError
from transforms.order_key_errors import order_key_error
from transforms.order_key_numbers import MAX_ROW, has_numbers, is_filled, major, minor, tail
from transforms.source_coordinates import (
    BINLOG_CONNECTORS,
    POSTGRESQL,
    coordinates,
    with_gtid_parts,
)

LOWEST = f"{0:04x}/{0:016x}/{0:016x}/{0:08x}"
"""The key of a snapshot's row with nothing before it."""

_HEX_PAIRS = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)

_Numbers = npt.NDArray[np.uint64]


class OrderKeys(NamedTuple):
    """What `order_keys` yields, one value an event: a key or an error, the other one NULL."""

    order_key: pl.Series
    errors: pl.Series
    newest: str | None
    """The newest key of the partition so far: hand it in with the partition's next batch."""


def order_keys(
    source: pl.Series, op: pl.Series, incarnations: Incarnations, newest: str | None = None
) -> OrderKeys:
    """The order keys of change events of one topic partition, in the order of their offsets.

    A snapshot's row without coordinates (no gtid, no lsn) takes the newest key of the records
    before it with phase 0, `LOWEST` when there is none; `newest` carries that from the batch
    before. GTIDs of servers that are new are added to `incarnations`.

    Args:
        source: Debezium's `source` as a struct. A field that is missing counts as NULL.
        op: `c`, `u`, `d`, `r`, `t`, or NULL for schema changes.
    """
    frame = _with_incarnation(with_gtid_parts(coordinates(source, op)), incarnations)
    failed, errors = _errors(frame)
    frame = frame.select(
        is_filled=is_filled(),
        incarnation=pl.col("incarnation"),
        major=major(),
        minor=minor(),
        tail=tail(),
    )
    parts = [
        frame[name].fill_null(0).to_numpy().astype(np.uint64)
        for name in ("incarnation", "major", "minor", "tail")
    ]
    has_own = ~(failed | frame["is_filled"]).to_numpy()
    if frame["is_filled"].any():
        parts = filled(parts, has_own, frame["is_filled"].to_numpy(), newest)
    keys = pl.Series(hex_digits(parts))
    known = [key for key in (newest, keys.filter(pl.Series(has_own)).max()) if isinstance(key, str)]
    if failed.any():
        keys = keys.zip_with(~failed, pl.Series([None], dtype=pl.String))
    return OrderKeys(keys.alias("order_key"), errors, max(known, default=None))


def _with_incarnation(frame: pl.DataFrame, incarnations: Incarnations) -> pl.DataFrame:
    """Adds `incarnation`, `incarnation_error`, `file_number` and `is_behind_gtid`."""
    ahead = incarnations.sources_ahead_by_gtid()
    seen = frame.filter(
        pl.col("connector").is_in(BINLOG_CONNECTORS), pl.col("number").is_not_null()
    )
    rows: list[tuple[str | None, str | None, int | None, str | None]] = []
    for name, identity in seen.select("name", "identity").unique(maintain_order=True).iter_rows():
        try:
            rows.append((name, identity, incarnations.ordinal(name or "", identity), None))
        except TaggedGtidError as error:
            rows.append((name, identity, None, str(error)))
    for name in frame["name"].unique():
        rows.append((name, None, incarnations.counted_by_hand(name or ""), None))
    schema = {
        "name": pl.String,
        "identity": pl.String,
        "incarnation": pl.Int64,
        "incarnation_error": pl.String,
    }
    table = pl.DataFrame(rows, schema, orient="row")
    has_gtid = pl.col("number").is_not_null()
    file_number: pl.Expr = pl.lit(None, pl.UInt64)
    is_behind_gtid: pl.Expr = pl.lit(False)
    if frame["gtid"].null_count():
        file_number = pl.col("file").str.extract(r"\.([0-9]+)$").cast(pl.UInt64, strict=False)
        is_behind_gtid = pl.col("name").is_in(ahead) | has_gtid.cum_max().over("name")
    return frame.join(
        table, on=["name", "identity"], how="left", nulls_equal=True, maintain_order="left"
    ).with_columns(file_number=file_number, is_behind_gtid=is_behind_gtid)


def _errors(frame: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Which rows have no order key, and why: texts for those rows alone, since to write one for
    every row would cost more than the keys."""
    by_gtid = pl.col("number").is_not_null() & pl.col("incarnation").is_between(0, MAX_ORDINAL)
    by_file = (
        pl.col("gtid").is_null() & ~pl.col("is_behind_gtid") & pl.col("file_number").is_not_null()
    )
    # Positions end at 2**63 - 1 as the column's type does: what is over it is NULL here.
    in_binlog = (by_gtid | by_file) & (pl.col("pos") >= 0) & pl.col("row").is_between(0, MAX_ROW)
    is_good = (
        (pl.col("connector").is_in(BINLOG_CONNECTORS) & in_binlog)
        | ((pl.col("connector") == POSTGRESQL) & (pl.col("lsn") >= 0))
        | has_numbers()
        | is_filled()
    ).fill_null(False)
    failed = frame.select(~is_good).to_series()
    errors = pl.Series("error", [None], dtype=pl.String).new_from_index(0, len(frame))
    if failed.any():
        errors = errors.scatter(
            failed.arg_true(), frame.filter(failed).select(order_key_error()).to_series()
        )
    return failed, errors


def filled(
    parts: list[_Numbers],
    has_own: npt.NDArray[np.bool_],
    is_filled: npt.NDArray[np.bool_],
    newest: str | None,
) -> list[_Numbers]:
    """The keys' numbers where the filled rows have the newest key before them, with phase 0.

    has_own: the rows whose key counts. newest: the key before the first row, None is `LOWEST`.
    """
    before = [int(part, 16) for part in (newest or LOWEST).split("/")]
    parts = [np.insert(part, 0, first) for part, first in zip(parts, before, strict=True)]
    counted = np.insert(has_own, 0, True)
    # A key can only be the newest where no greater number leads one before it: in a log that is
    # read in its order, that leaves few to sort, or none.
    for number in range(2):
        leading = np.where(counted, parts[number], 0)
        counted &= leading == np.maximum.accumulate(leading)
        if number == 0 and (leading[counted] != leading[0]).any():
            break
    rows = np.flatnonzero(counted)
    order = np.lexsort([part[rows] for part in parts[::-1]])
    ranks = np.empty(len(rows), np.int64)
    ranks[order] = np.arange(len(order))
    newest_rank = np.maximum.accumulate(ranks)
    last_counted = np.cumsum(counted) - 1
    newest_row = rows[order[newest_rank]][last_counted]
    taken = np.where(np.insert(is_filled, 0, False), newest_row, np.arange(len(counted)))
    parts = [part[taken][1:] for part in parts]
    parts[3] = np.where(is_filled, parts[3] & ~np.uint64(0xFF), parts[3])
    return parts


def hex_digits(parts: list[_Numbers]) -> pa.StringArray:
    """The keys as text: the digits are written into one matrix of bytes, a row a key."""
    count = len(parts[0])
    matrix: Any = np.full((count, len(LOWEST)), ord("/"), np.uint8)
    start = 0
    for part, width in zip(parts, (4, 16, 16, 8), strict=True):
        octets = part.astype(">u8").view(np.uint8).reshape(count, 8)[:, 8 - width // 2 :]
        matrix[:, start : start + width] = _HEX_PAIRS[octets].view(np.uint8)
        start += width + 1
    offsets: Any = np.arange(count + 1, dtype=np.int32) * np.int32(len(LOWEST))
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(matrix))
