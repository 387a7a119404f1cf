"""The numbers that make an order key, from an event's coordinates."""

from __future__ import annotations

import polars as pl

from transforms.source_coordinates import AUDIT_COLUMNS, BINLOG_CONNECTORS, POSTGRESQL, SPANNER

# The tail's 32 bits less the 8 of the phase.
MAX_ROW = 2**24 - 1
MAX_SIGNED = 2**63 - 1
# Spanner numbers the records of a transaction, and the changes (mods) of a record start at 0 each
# time; a commit has at most 80,000 mutations, so that 20 bits hold the changes of any record.
_MOD_BITS = 20
MAX_MOD_NUMBER = 2**_MOD_BITS - 1
MAX_SEQUENCE = 2 ** (63 - _MOD_BITS) - 1


def major() -> pl.Expr:
    """UInt64, NULL where the event lacks it."""
    connector = pl.col("connector")
    return (
        pl.when(connector == POSTGRESQL)
        .then(_unsigned("lsn"))
        .when(connector == AUDIT_COLUMNS)
        .then(_unsigned("updated_us"))
        .when(connector == SPANNER)
        .then(_unsigned("ts_us"))
        .when(pl.col("number").is_not_null())
        .then("number")
        .otherwise("file_number")
    )


def minor() -> pl.Expr:
    """UInt64, NULL where the event lacks it."""
    connector = pl.col("connector")
    return (
        pl.when(connector == POSTGRESQL)
        .then(0)
        .when(connector == AUDIT_COLUMNS)
        .then("revision")
        .when(connector == SPANNER)
        .then(change_number())
        .otherwise("pos")
        .cast(pl.UInt64, strict=False)
    )


def change_number() -> pl.Expr:
    """Of a change of Spanner: its place within the transaction (Int64)."""
    return pl.col("sequence") * pl.lit(2**_MOD_BITS) + pl.col("mod_number")


def tail() -> pl.Expr:
    """UInt64, NULL where the event lacks it."""
    in_binlog = pl.col("connector").is_in(BINLOG_CONNECTORS)
    row = pl.when(in_binlog).then(pl.col("row") * 256).otherwise(0)
    return (row + pl.when("is_snapshot").then(0).otherwise(1)).cast(pl.UInt64, strict=False)


def _unsigned(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.UInt64, strict=False)


def has_numbers() -> pl.Expr:
    """Whether an event of a polled table or of Spanner has its coordinates."""
    polled = (pl.col("updated_us") >= 0) & (pl.col("revision") >= 0)
    in_stream = (
        (pl.col("ts_us") >= 0)
        & pl.col("sequence").is_between(0, MAX_SEQUENCE)
        & pl.col("mod_number").is_between(0, MAX_MOD_NUMBER)
    )
    connector = pl.col("connector")
    return ((connector == AUDIT_COLUMNS) & polled) | ((connector == SPANNER) & in_stream)


def is_filled() -> pl.Expr:
    """A snapshot's row that has no coordinates of its own."""
    is_binlog = pl.col("connector").is_in(BINLOG_CONNECTORS)
    is_postgresql = pl.col("connector") == POSTGRESQL
    missing = (
        pl.when(is_binlog)
        .then(pl.col("gtid").is_null())
        .when(is_postgresql)
        .then(pl.col("raw_lsn").is_null())
    )
    return (pl.col("is_snapshot") & missing).fill_null(False)
