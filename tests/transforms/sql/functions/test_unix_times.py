"""Numbers since 1970 and times. The expected values are those of Flink SQL 2.3."""

from __future__ import annotations

import datetime
import decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.errors import SqlError
from transforms.sql.functions.patterns_of_time import STANDARD_TIMESTAMP, read_local
from transforms.sql.functions.time_formats import split_pattern
from transforms.sql.functions.unix_texts import unix_local_times, write_unix_seconds

UTC = datetime.timezone.utc


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        (44, "UTC", "1970-01-01 00:00:44"),
        (44, "Asia/Tokyo", "1970-01-01 09:00:44"),
        (-1, "UTC", "1969-12-31 23:59:59"),
        (-1, "Europe/Berlin", "1970-01-01 00:59:59"),
        (253402300799, "UTC", "9999-12-31 23:59:59"),
        (253402300800, "UTC", "10000-01-01 00:00:00"),
        (1700000000000, "UTC", "55840-11-08 22:13:20"),
        (1700000000000000, "UTC", "53872825-06-17 22:13:20"),
        (9223372036854775, "UTC", "292278994-08-17 07:12:55"),
        (9223372036854775807, "UTC", "1969-12-31 23:59:59"),
        (-9223372036854775808, "UTC", "1970-01-01 00:00:00"),
        # Java would give 1582-10-04 of the Julian calendar.
        (-12219292801, "UTC", "1582-10-14 23:59:59"),
    ],
)
def test_from_unixtime_writes_any_second(
    check: Check, value: int, zone: str, expected: str
) -> None:
    check("FROM_UNIXTIME(v)", "BIGINT", value, "STRING", expected, zone=zone)


def test_from_unixtime_takes_a_pattern(check: Check) -> None:
    check("FROM_UNIXTIME(v, 'EEE, d MMM yyyy u')", "INT", 44, "STRING", "Thu, 1 Jan 1970 4")
    sql = "FROM_UNIXTIME(v, 'Z z XXX X')"
    check(sql, "INT", 44, "STRING", "+0100 CET +01:00 +01", zone="Europe/Berlin")


def test_microseconds_taken_for_seconds_are_null_as_a_timestamp(check: Check) -> None:
    sql = "TO_TIMESTAMP(FROM_UNIXTIME(v))"
    check(sql, "BIGINT", 1700000000000000, "TIMESTAMP(3)", None)


@given(st.integers(-62135510400, 253402214400))
def test_from_unixtime_is_the_calendar_of_the_years_1_to_9999(seconds: int) -> None:
    parts = split_pattern("yyyy-MM-dd HH:mm:ss")
    written = write_unix_seconds(pl.Series([seconds]), parts, "UTC").item()
    moment = datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(seconds=seconds)
    assert written == moment.replace(tzinfo=None).isoformat(sep=" ")


@pytest.mark.parametrize(
    ("sql", "value", "zone", "expected"),
    [
        ("UNIX_TIMESTAMP(v)", "1970-01-01 08:00:01", "UTC", 28801),
        ("UNIX_TIMESTAMP(v)", "1970-01-01 08:00:01", "Europe/Berlin", 25201),
        ("UNIX_TIMESTAMP(v)", "1969-12-31 23:59:59", "UTC", -1),
        ("UNIX_TIMESTAMP(v)", "1970-01-01", "UTC", -(2**63)),
        ("UNIX_TIMESTAMP(v, 'yyyy-MM-dd HH:mm:ss.SSS')", "1970-01-01 08:00:01.001", "UTC", 28801),
        (
            "UNIX_TIMESTAMP(v, 'yyyy-MM-dd HH:mm:ss X')",
            "1970-01-01 08:00:01 +0800",
            "Europe/Berlin",
            28801 - 8 * 3600,
        ),
        ("UNIX_TIMESTAMP(v, 'yyyy-MM-dd HH:mm:ss.S')", "1969-12-31 23:59:59.5", "UTC", 0),
        ("UNIX_TIMESTAMP(v, 'dd.MM.yyyy')", "32.13.1970", "UTC", 34214400),
        ("UNIX_TIMESTAMP(v, 'dd.MM.yyyy')", "01.02.1970", "UTC", 2678400),
    ],
)
def test_unix_timestamp_reads_a_local_time(
    check: Check, sql: str, value: str, zone: str, expected: int
) -> None:
    check(sql, "STRING", value, "BIGINT", expected, zone=zone)


def test_unix_timestamp_is_the_present_in_whole_seconds(evaluate: Evaluate) -> None:
    outcome = evaluate("UNIX_TIMESTAMP()", rows=2)
    assert (outcome.type, outcome.values) == ("BIGINT", [1709245815] * 2)


@pytest.mark.parametrize(
    ("sql", "kind", "value", "result", "expected"),
    [
        ("TO_TIMESTAMP_LTZ(v, 0)", "INT", 1000, "TIMESTAMP_LTZ(3)", (1000, 0)),
        ("TO_TIMESTAMP_LTZ(v, 3)", "BIGINT", 1000, "TIMESTAMP_LTZ(3)", (1, 0)),
        ("TO_TIMESTAMP_LTZ(v, 3)", "BIGINT", -1, "TIMESTAMP_LTZ(3)", (-1, 999000)),
        ("TO_TIMESTAMP_LTZ(v, 6)", "BIGINT", 1001, "TIMESTAMP_LTZ(6)", (0, 1001)),
        ("TO_TIMESTAMP_LTZ(v)", "BIGINT", 1000, "TIMESTAMP_LTZ(3)", (1, 0)),
        ("TO_TIMESTAMP_LTZ(v, 0)", "DOUBLE", 1.5, "TIMESTAMP_LTZ(3)", (1, 500000)),
        (
            "TO_TIMESTAMP_LTZ(v, 0)",
            "DECIMAL(5, 2)",
            decimal.Decimal("1.5"),
            "TIMESTAMP_LTZ(3)",
            (1, 0),
        ),
        ("TO_TIMESTAMP_LTZ(v, 0)", "BIGINT", 1700000000000000, "TIMESTAMP_LTZ(3)", None),
        ("TO_TIMESTAMP_LTZ(v, 3)", "BIGINT", 2**63 - 1, "TIMESTAMP_LTZ(3)", None),
        ("TO_TIMESTAMP_LTZ(v)", "STRING", "1970-01-01 00:00:07", "TIMESTAMP_LTZ(3)", (7, 0)),
        (
            "TO_TIMESTAMP_LTZ(v, 'dd/MM/yyyy')",
            "STRING",
            "02/01/1970",
            "TIMESTAMP_LTZ(3)",
            (86400, 0),
        ),
        (
            "TO_TIMESTAMP_LTZ(v, 'yyyy-MM-dd HH:mm:ss', 'Asia/Shanghai')",
            "STRING",
            "1970-01-01 08:00:00",
            "TIMESTAMP_LTZ(3)",
            (0, 0),
        ),
        ("TO_TIMESTAMP_LTZ(v, 'dd/MM/yyyy')", "STRING", "abc", "TIMESTAMP_LTZ(3)", None),
    ],
)
def test_to_timestamp_ltz_takes_numbers_and_texts(
    check: Check, sql: str, kind: str, value: object, result: str, expected: tuple[int, int] | None
) -> None:
    moment = expected and datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(
        seconds=expected[0], microseconds=expected[1]
    )
    check(sql, kind, value, result, moment)


def test_a_text_that_is_no_time_is_refused_by_to_timestamp_ltz(check: Check) -> None:
    check("TO_TIMESTAMP_LTZ(v)", "STRING", "abc", "TIMESTAMP_LTZ(3)", ...)


def test_a_precision_that_no_unit_has_is_an_error_of_the_script(evaluate: Evaluate) -> None:
    with pytest.raises(SqlError, match="the precision is 4, expected 0"):
        evaluate("TO_TIMESTAMP_LTZ(1, 4)")


@given(
    st.lists(
        st.none()
        | st.integers(-(2**63), 2**63 - 1)
        | st.integers(-62_135_700_000, -62_135_500_000)
        | st.integers(253_402_200_000, 253_402_400_000)
        | st.integers(-(10**9), 2 * 10**9),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia"]),
)
def test_a_time_read_from_unix_seconds_is_what_its_text_says(
    seconds: list[int | None], zone: str
) -> None:
    texts = write_unix_seconds(
        pl.Series(seconds, dtype=pl.Int64), split_pattern("yyyy-MM-dd HH:mm:ss"), zone
    )
    read = read_local(texts, STANDARD_TIMESTAMP).cast(pl.Datetime("us"))
    assert unix_local_times(pl.Series(seconds, dtype=pl.Int64), zone).equals(read)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_to_timestamp_of_from_unixtime_is_the_same_with_and_without_the_text(
    evaluate: Evaluate, zone: str
) -> None:
    values = ("BIGINT", [0, None, 1_767_225_600, 253_402_300_800, -(2**63)])
    short = evaluate("TO_TIMESTAMP(FROM_UNIXTIME(v))", v=values, zone=zone)
    long = evaluate("TO_TIMESTAMP(FROM_UNIXTIME(v) || '')", v=values, zone=zone)
    assert short == long
    assert short.values[3] is None
