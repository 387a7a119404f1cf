"""The coordinates of change events in their database's log, as columns."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

BINLOG_CONNECTORS = ("mysql", "mariadb")
POSTGRESQL = "postgresql"
AUDIT_COLUMNS, SPANNER = "audit_columns", "spanner"
"""Tables that are polled, and Spanner's change streams."""
CONNECTORS = (*BINLOG_CONNECTORS, POSTGRESQL, AUDIT_COLUMNS, SPANNER)

TEXT_FIELDS = ("connector", "name", "snapshot", "db", "schema", "table", "gtid", "file")
NUMBER_FIELDS = ("pos", "row", "lsn", "server_id", "ts_ms", "ts_us", "ts_ns")
_OTHER_NUMBERS = ("updated_us", "revision", "sequence", "mod_number")
COORDINATE_FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS, *_OTHER_NUMBERS)
"""The fields of `source` that are looked at."""

# server uuid, the tag that MySQL 8.3 and later know, transaction number
_MYSQL_GTID = r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:(?:[a-z_][a-z0-9_]{0,31}:)?[0-9]+$"
# domain, server id, sequence number
_MARIADB_GTID = r"^[0-9]+-[0-9]+-[0-9]+$"


def coordinates(source: pl.Series, op: pl.Series) -> pl.DataFrame:
    """The fields of `source` structs that place an event, one row an event.

    Fields that the struct lacks are NULL; `gtid` is in lower case, '' is NULL. Besides the fields:
    `op`, `is_snapshot`, and `raw_<number field>` for messages, what the source gave.
    """
    frame = source.struct.unnest()
    types: Mapping[str, pl.DataType] = dict(frame.schema)
    fields = [
        pl.col(name).cast(pl.String) if name in types else pl.lit(None, pl.String).alias(name)
        for name in TEXT_FIELDS
    ]
    for name in (*NUMBER_FIELDS, *_OTHER_NUMBERS):
        value = pl.col(name) if name in types else pl.lit(None, pl.Int64)
        fields.append(value.cast(pl.Int64, strict=False).alias(name))
        # Only a type that holds more than Int64 needs its text kept: else the number tells all.
        if name in types and types[name] not in (pl.Int64, pl.Int32):
            fields.append(value.cast(pl.String, strict=False).alias(f"raw_{name}"))
        else:
            fields.append(value.cast(pl.Int64).alias(f"raw_{name}"))
    frame = frame.with_columns(op.cast(pl.String).alias("op")).select("op", *fields)
    gtid = pl.when(pl.col("gtid") != "").then(pl.col("gtid").str.to_lowercase())
    snapshot = ~pl.col("snapshot").is_in(["false", ""])
    return frame.with_columns(
        gtid,
        # Records without op, as of schema changes, say it in the source alone.
        is_snapshot=pl.col("op").eq_missing("r") | (pl.col("op").is_null() & snapshot),
    ).with_columns(pl.col("is_snapshot").fill_null(False))


def with_gtid_parts(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds `identity` (server uuid with its tag, or domain) and `number` (transaction or sequence
    number) of the GTIDs that can be read."""
    forms = frame.select(
        mysql=pl.col("gtid").str.contains(_MYSQL_GTID),
        mariadb=pl.col("gtid").str.contains(_MARIADB_GTID),
    )
    identity: pl.Expr = pl.lit(None, pl.String)
    number: pl.Expr = pl.lit(None, pl.String)
    # Each form is taken apart only where a batch has it: this is most of the cost of a key.
    if forms["mysql"].any():
        server, tag, last = frame["gtid"].str.split_exact(":", 2).struct.unnest().get_columns()
        is_tagged = last.is_not_null()
        if is_tagged.any():
            server = (server + ":" + tag).zip_with(is_tagged, server)
            tag = last.zip_with(is_tagged, tag)
        identity = pl.when(forms["mysql"]).then(server)
        number = pl.when(forms["mysql"]).then(tag)
    if forms["mariadb"].any():
        domain, _, last = frame["gtid"].str.split_exact("-", 2).struct.unnest().get_columns()
        identity = pl.when(forms["mariadb"]).then(domain).otherwise(identity)
        number = pl.when(forms["mariadb"]).then(last).otherwise(number)
    return frame.with_columns(
        identity=identity, number=number.cast(pl.UInt64, strict=False)
    ).with_columns(pl.when(pl.col("number").is_not_null()).then("identity").alias("identity"))
