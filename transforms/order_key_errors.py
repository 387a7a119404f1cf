"""Why a change event has no order key: the field, its value and what was expected."""

from __future__ import annotations

import polars as pl

from transforms.incarnation import MAX_ORDINAL
from transforms.order_key_numbers import (
    MAX_MOD_NUMBER,
    MAX_ROW,
    MAX_SEQUENCE,
    MAX_SIGNED,
    is_filled,
)
from transforms.source_coordinates import (
    AUDIT_COLUMNS,
    CONNECTORS,
    POSTGRESQL,
    SPANNER,
)


def order_key_error() -> pl.Expr:
    """Why an event has no order key (String); NULL when it has one."""
    connector = pl.col("connector")
    gtid = pl.col("gtid")
    no_gtid = gtid.is_null()
    gtid_form = "expected 'uuid:number', 'uuid:tag:number' or 'domain-server-number' with 64 bits"
    return (
        pl.when(connector.is_null() | ~connector.is_in(CONNECTORS))
        .then(_message("connector", connector, f"expected one of {', '.join(CONNECTORS)}"))
        .when(is_filled())
        .then(None)
        .when(connector == POSTGRESQL)
        .then(_number_error("lsn", MAX_SIGNED))
        .when(connector == AUDIT_COLUMNS)
        .then(
            pl.coalesce(
                _number_error("updated_us", MAX_SIGNED), _number_error("revision", MAX_SIGNED)
            )
        )
        .when(connector == SPANNER)
        .then(
            pl.coalesce(
                _number_error("ts_us", MAX_SIGNED),
                _number_error("sequence", MAX_SEQUENCE),
                _number_error("mod_number", MAX_MOD_NUMBER),
            )
        )
        .when(gtid.is_not_null() & pl.col("number").is_null())
        .then(_message("gtid", gtid, gtid_form))
        .when(pl.col("incarnation_error").is_not_null())
        .then("incarnation_error")
        .when(pl.col("incarnation") > MAX_ORDINAL)
        .then(
            _message(
                "gtid",
                gtid,
                f"its incarnation is over {MAX_ORDINAL}, take a new snapshot under another name",
            )
        )
        .when(no_gtid & pl.col("is_behind_gtid"))
        .then(
            _message(
                "gtid",
                gtid,
                "expected one as in earlier records, whose order a binlog position does not "
                "share; switch GTIDs on, or count a new incarnation by hand",
            )
        )
        .when(no_gtid & pl.col("file_number").is_null())
        .then(_message("file", pl.col("file"), "expected a name that ends in '.' and a number"))
        .otherwise(pl.coalesce(_number_error("pos", MAX_SIGNED), _number_error("row", MAX_ROW)))
    )


def _number_error(field: str, maximum: int) -> pl.Expr:
    value = pl.col(field)
    expected = f"expected an integer from 0 to {maximum}"
    is_wrong = value.is_null() | (value < 0) | (value > maximum)
    return pl.when(is_wrong).then(_message(field, pl.col(f"raw_{field}"), expected))


def _message(field: str, value: pl.Expr, expected: str) -> pl.Expr:
    shown = pl.concat_str(pl.lit("'"), value.cast(pl.String), pl.lit("'")).fill_null("NULL")
    place = pl.concat_str(
        pl.lit(" in a change event of connector "),
        pl.col("connector").fill_null("NULL"),
        pl.lit(", table "),
        pl.col("table").fill_null("NULL"),
    )
    return pl.concat_str(pl.lit(f"source.{field} is "), shown, place, pl.lit(f": {expected}"))
