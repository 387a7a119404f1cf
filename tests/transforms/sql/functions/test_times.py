"""The present, fields of times and sums of them. The expected values are those of Flink SQL 2.3."""

from __future__ import annotations

import datetime

import pytest

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.errors import SqlError

UTC = datetime.timezone.utc


def at(year: int, month: int, day: int, *clock: int) -> datetime.datetime:
    hour, minute, second, microsecond = (*clock, 0, 0, 0, 0)[:4]
    # TIMESTAMP has no zone.
    return datetime.datetime(year, month, day, hour, minute, second, microsecond)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("sql", "result", "expected"),
    [
        ("PROCTIME()", "TIMESTAMP_LTZ(3)", datetime.datetime(2024, 2, 29, 22, 30, 15, 123000, UTC)),
        ("NOW()", "TIMESTAMP_LTZ(3)", datetime.datetime(2024, 2, 29, 22, 30, 15, 123000, UTC)),
        (
            "CURRENT_TIMESTAMP",
            "TIMESTAMP_LTZ(3)",
            datetime.datetime(2024, 2, 29, 22, 30, 15, 123000, UTC),
        ),
        (
            "CURRENT_ROW_TIMESTAMP()",
            "TIMESTAMP_LTZ(3)",
            datetime.datetime(2024, 2, 29, 22, 30, 15, 123000, UTC),
        ),
        ("LOCALTIMESTAMP", "TIMESTAMP(3)", at(2024, 3, 1, 7, 30, 15, 123000)),
        ("CURRENT_DATE", "DATE", datetime.date(2024, 3, 1)),
        ("CURRENT_TIME", "TIME(0)", datetime.time(7, 30, 15)),
        ("LOCALTIME", "TIME(0)", datetime.time(7, 30, 15)),
    ],
)
def test_the_present_is_when_the_batch_began(
    evaluate: Evaluate, sql: str, result: str, expected: object
) -> None:
    outcome = evaluate(sql, zone="Asia/Tokyo", rows=2)
    assert (outcome.type, outcome.values) == (result, [expected] * 2)


DAY = datetime.date(2006, 6, 4)
MOMENT = at(2006, 6, 5, 10, 11, 12, 345678)


@pytest.mark.parametrize(
    ("sql", "kind", "value", "expected"),
    [
        ("EXTRACT(YEAR FROM v)", "DATE", DAY, 2006),
        ("EXTRACT(QUARTER FROM v)", "DATE", DAY, 2),
        ("EXTRACT(MONTH FROM v)", "DATE", DAY, 6),
        ("EXTRACT(WEEK FROM v)", "DATE", datetime.date(2006, 1, 1), 52),
        ("EXTRACT(ISOYEAR FROM v)", "DATE", datetime.date(2006, 1, 1), 2005),
        ("EXTRACT(DAY FROM v)", "TIMESTAMP(6)", MOMENT, 5),
        ("EXTRACT(DOW FROM v)", "DATE", DAY, 1),
        ("EXTRACT(ISODOW FROM v)", "DATE", DAY, 7),
        ("EXTRACT(DOY FROM v)", "TIMESTAMP(6)", MOMENT, 156),
        ("EXTRACT(DECADE FROM v)", "DATE", DAY, 200),
        ("EXTRACT(CENTURY FROM v)", "DATE", datetime.date(2000, 6, 5), 20),
        ("EXTRACT(CENTURY FROM v)", "DATE", DAY, 21),
        ("EXTRACT(MILLENNIUM FROM v)", "DATE", DAY, 3),
        ("EXTRACT(EPOCH FROM v)", "TIMESTAMP(6)", MOMENT, 1149502272),
        ("EXTRACT(EPOCH FROM v)", "TIMESTAMP(3)", at(1969, 12, 31, 23, 59, 59, 500000), 0),
        ("EXTRACT(EPOCH FROM v)", "DATE", datetime.date(2006, 6, 5), 1149465600),
        ("EXTRACT(HOUR FROM v)", "TIMESTAMP(6)", MOMENT, 10),
        ("EXTRACT(HOUR FROM v)", "TIME", datetime.time(10, 11, 12), 10),
        ("EXTRACT(HOUR FROM v)", "DATE", DAY, 0),
        ("EXTRACT(MINUTE FROM v)", "TIMESTAMP(6)", MOMENT, 11),
        ("EXTRACT(SECOND FROM v)", "TIMESTAMP(6)", MOMENT, 12),
        ("EXTRACT(MILLISECOND FROM v)", "TIMESTAMP(6)", MOMENT, 345),
        ("EXTRACT(MICROSECOND FROM v)", "TIMESTAMP(6)", MOMENT, 345678),
        ("EXTRACT(NANOSECOND FROM v)", "TIMESTAMP(9)", MOMENT, 345678000),
        ("YEAR(v)", "DATE", datetime.date(1994, 9, 27), 1994),
        ("QUARTER(v)", "DATE", datetime.date(1994, 9, 27), 3),
        ("MONTH(v)", "DATE", datetime.date(1994, 9, 27), 9),
        ("WEEK(v)", "DATE", datetime.date(1994, 9, 27), 39),
        ("DAYOFYEAR(v)", "DATE", datetime.date(1994, 9, 27), 270),
        ("DAYOFMONTH(v)", "DATE", datetime.date(1994, 9, 27), 27),
        ("DAYOFWEEK(v)", "DATE", datetime.date(1994, 9, 27), 3),
        ("HOUR(v)", "TIMESTAMP(0)", at(1994, 9, 27, 13, 14, 15), 13),
        ("MINUTE(v)", "TIMESTAMP(0)", at(1994, 9, 27, 13, 14, 15), 14),
        ("SECOND(v)", "TIMESTAMP(0)", at(1994, 9, 27, 13, 14, 15), 15),
    ],
)
def test_a_field_of_a_time(check: Check, sql: str, kind: str, value: object, expected: int) -> None:
    check(sql, kind, value, "BIGINT", expected)


def test_a_field_of_a_timestamp_ltz_is_the_clocks_of_the_session(check: Check) -> None:
    value = datetime.datetime(2020, 12, 31, 23, 30, tzinfo=UTC)
    check("YEAR(v)", "TIMESTAMP_LTZ(3)", value, "BIGINT", 2021, zone="Europe/Berlin")
    check(
        "EXTRACT(EPOCH FROM v)", "TIMESTAMP_LTZ(3)", value, "BIGINT", 1609457400, zone="Asia/Tokyo"
    )


@pytest.mark.parametrize(
    ("sql", "kind", "value", "result", "expected"),
    [
        (
            "TIMESTAMPADD(WEEK, 1, v)",
            "DATE",
            datetime.date(2003, 1, 2),
            "DATE",
            datetime.date(2003, 1, 9),
        ),
        (
            "TIMESTAMPADD(MONTH, 1, v)",
            "DATE",
            datetime.date(2003, 1, 31),
            "DATE",
            datetime.date(2003, 2, 28),
        ),
        (
            "TIMESTAMPADD(HOUR, 1, v)",
            "DATE",
            datetime.date(2003, 1, 2),
            "TIMESTAMP(6)",
            at(2003, 1, 2, 1),
        ),
        (
            "TIMESTAMPADD(YEAR, -1, v)",
            "TIMESTAMP(3)",
            at(2004, 2, 29, 10, 0, 0, 123000),
            "TIMESTAMP(3)",
            at(2003, 2, 28, 10, 0, 0, 123000),
        ),
        (
            "TIMESTAMPADD(QUARTER, 1, v)",
            "TIMESTAMP(6)",
            at(2004, 2, 29, 10),
            "TIMESTAMP(6)",
            at(2004, 5, 29, 10),
        ),
        (
            "TIMESTAMPADD(SECOND, -1, v)",
            "TIMESTAMP(0)",
            at(1970, 1, 1),
            "TIMESTAMP(0)",
            at(1969, 12, 31, 23, 59, 59),
        ),
        (
            "TIMESTAMPADD(MILLISECOND, 1, v)",
            "TIMESTAMP(0)",
            at(1970, 1, 1),
            "TIMESTAMP(3)",
            at(1970, 1, 1, 0, 0, 0, 1000),
        ),
        ("TIMESTAMPADD(HOUR, 3, v)", "TIME", datetime.time(23), "TIME(0)", datetime.time(2)),
        (
            "TIMESTAMPADD(DAY, 1, v)",
            "TIMESTAMP_LTZ(3)",
            datetime.datetime(1970, 1, 1, tzinfo=UTC),
            "TIMESTAMP_LTZ(3)",
            datetime.datetime(1970, 1, 2, tzinfo=UTC),
        ),
        ("TIMESTAMPADD(YEAR, 2147483647, v)", "DATE", datetime.date(2003, 1, 2), "DATE", ...),
        (
            "TIMESTAMPADD(DAY, 9223372036854775807, v)",
            "TIMESTAMP(3)",
            at(2003, 1, 2),
            "TIMESTAMP(3)",
            ...,
        ),
        ("TIMESTAMPADD(DAY, v, DATE '2003-01-02')", "INT", 3, "DATE", datetime.date(2003, 1, 5)),
    ],
)
def test_timestampadd(
    check: Check, sql: str, kind: str, value: object, result: str, expected: object
) -> None:
    check(sql, kind, value, result, expected)


@pytest.mark.parametrize(
    ("unit", "start", "end", "expected"),
    [
        ("DAY", at(2003, 1, 2, 10), at(2003, 1, 3, 10), 1),
        ("DAY", at(2003, 1, 2, 10), at(2003, 1, 3, 9, 59, 59), 0),
        ("DAY", at(2003, 1, 3, 10), at(2003, 1, 2, 10, 0, 1), 0),
        ("MONTH", at(2003, 1, 31, 10), at(2003, 2, 28, 10), 1),
        ("MONTH", at(2003, 2, 28, 10), at(2003, 1, 31, 10), -1),
        ("MONTH", at(2003, 1, 15, 10), at(2003, 2, 15, 9, 59, 59), 0),
        ("YEAR", at(2003, 1, 15, 10), at(2005, 1, 15, 9, 59, 59), 1),
        ("QUARTER", at(2003, 1, 15, 10), at(2005, 1, 15, 9, 59, 59), 7),
        ("WEEK", at(2003, 1, 15, 10), at(2005, 1, 15, 9, 59, 59), 104),
        ("SECOND", at(2003, 1, 15, 10, 0, 0, 900000), at(2003, 1, 15, 10, 0, 1, 100000), 0),
        ("SECOND", at(2003, 1, 15), at(2103, 1, 16), ...),
    ],
)
def test_timestampdiff_counts_whole_units(
    check: Check, unit: str, start: datetime.datetime, end: datetime.datetime, expected: object
) -> None:
    sql = f"TIMESTAMPDIFF({unit}, CAST('{start}' AS TIMESTAMP(3)), v)"
    check(sql, "TIMESTAMP(3)", end, "INT", expected)


def test_timestampdiff_mixes_dates_and_times(check: Check) -> None:
    start = "CAST('2003-01-15 10:00:00.9' AS TIMESTAMP(3))"
    check(f"TIMESTAMPDIFF(HOUR, {start}, v)", "DATE", datetime.date(2003, 1, 16), "INT", 13)
    sql = "TIMESTAMPDIFF(MICROSECOND, DATE '2003-01-15', v)"
    check(sql, "DATE", datetime.date(2003, 1, 16), "BIGINT", 86_400_000_000)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("YEAR('2020')", "argument 1 is CHAR(4), expected DATE, TIMESTAMP or TIMESTAMP_LTZ"),
        ("TIMESTAMPADD(DAYZ, 1, v)", "argument 1 is 'DAYZ', expected a unit; did you mean 'DAY'"),
        ("TIMESTAMPADD(DAY, 1.5, v)", "argument 1 is DECIMAL(2, 1), expected an integer"),
        ("TIMESTAMPADD(DAY, 1)", "expected 2 arguments, not 1"),
    ],
)
def test_a_wrong_use_is_an_error_of_the_script(evaluate: Evaluate, sql: str, message: str) -> None:
    with pytest.raises(SqlError) as raised:
        evaluate(sql, v=("DATE", [DAY]))
    assert message in str(raised.value)
