"""Fields of dates and times: EXTRACT (as EXTRACT_<UNIT> of one argument), YEAR, HOUR and so on."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from transforms.sql.expression import Call, Expression
from transforms.sql.functions.arguments import expect_count, null_result, of_kinds, result
from transforms.sql.functions.registration import function
from transforms.sql.types import BIGINT, TIMESTAMPS, Kind

Field = Callable[[pl.Expr], pl.Expr]


def _epoch(value: pl.Expr) -> pl.Expr:
    # Java cuts the fraction off towards zero.
    micros = value.cast(pl.Datetime("us")).cast(pl.Int64())
    return pl.when(micros < 0).then(-(-micros // 1_000_000)).otherwise(micros // 1_000_000)


_DATE_FIELDS: dict[tuple[str, ...], Field] = {
    ("EXTRACT_MILLENNIUM",): lambda value: (value.dt.year() + 999) // 1000,
    ("EXTRACT_CENTURY",): lambda value: (value.dt.year() + 99) // 100,
    ("EXTRACT_DECADE",): lambda value: value.dt.year() // 10,
    ("EXTRACT_YEAR", "YEAR"): lambda value: value.dt.year(),
    ("EXTRACT_ISOYEAR",): lambda value: value.dt.iso_year(),
    ("EXTRACT_QUARTER", "QUARTER"): lambda value: value.dt.quarter(),
    ("EXTRACT_MONTH", "MONTH"): lambda value: value.dt.month(),
    ("EXTRACT_WEEK", "WEEK"): lambda value: value.dt.week(),
    ("EXTRACT_DAY", "DAYOFMONTH"): lambda value: value.dt.day(),
    ("EXTRACT_DOY", "DAYOFYEAR"): lambda value: value.dt.ordinal_day(),
    # Sunday is 1; of ISODOW Monday is.
    ("EXTRACT_DOW", "DAYOFWEEK"): lambda value: value.dt.weekday().cast(pl.Int64()) % 7 + 1,
    ("EXTRACT_ISODOW",): lambda value: value.dt.weekday(),
    ("EXTRACT_EPOCH",): _epoch,
}

_TIME_FIELDS: dict[tuple[str, ...], Field] = {
    ("EXTRACT_HOUR", "HOUR"): lambda value: value.dt.hour(),
    ("EXTRACT_MINUTE", "MINUTE"): lambda value: value.dt.minute(),
    ("EXTRACT_SECOND", "SECOND"): lambda value: value.dt.second(),
    ("EXTRACT_MILLISECOND",): lambda value: value.dt.nanosecond() // 1_000_000,
    ("EXTRACT_MICROSECOND",): lambda value: value.dt.nanosecond() // 1_000,
    ("EXTRACT_NANOSECOND",): lambda value: value.dt.nanosecond(),
}


def _register(names: tuple[str, ...], field: Field, kinds: tuple[Kind, ...], wanted: str) -> None:
    @function(*names)
    def of_time(call: Call) -> Expression:
        expect_count(call, 1)
        kind = of_kinds(call, 0, kinds, wanted)
        value = call.arguments[0].value
        match kind.kind:
            case Kind.NULL:
                return null_result(call, BIGINT)
            case Kind.TIMESTAMP_LTZ if field is not _epoch:
                local = value.dt.convert_time_zone(call.session.time_zone)
                value = local.dt.replace_time_zone(None)
            case Kind.DATE:
                value = value.cast(pl.Datetime("us"))
        return result(call, field(value), BIGINT)


for _names, _field in _DATE_FIELDS.items():
    _register(_names, _field, (Kind.DATE, *TIMESTAMPS), "DATE, TIMESTAMP or TIMESTAMP_LTZ")
for _names, _field in _TIME_FIELDS.items():
    _kinds = (Kind.DATE, Kind.TIME, *TIMESTAMPS)
    _register(_names, _field, _kinds, "DATE, TIME, TIMESTAMP or TIMESTAMP_LTZ")
