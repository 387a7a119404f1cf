"""Texts read as times and times written. The expected values are those of Flink SQL 2.3."""

from __future__ import annotations

import datetime

import pytest

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.errors import SqlError


def at(year: int, month: int, day: int, *clock: int) -> datetime.datetime:
    hour, minute, second, microsecond = (*clock, 0, 0, 0, 0)[:4]
    # TIMESTAMP has no zone.
    return datetime.datetime(year, month, day, hour, minute, second, microsecond)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2020-01-02 03:04:05", at(2020, 1, 2, 3, 4, 5)),
        ("2020-01-02 03:04:05.123456789", at(2020, 1, 2, 3, 4, 5, 123000)),
        ("2020-01-02 03:04:05.1", at(2020, 1, 2, 3, 4, 5, 100000)),
        ("2020-01-02", at(2020, 1, 2)),
        ("2020-1-2 3:4:5", at(2020, 1, 2, 3, 4, 5)),
        ("2020-02-30 03:04:05", at(2020, 2, 29, 3, 4, 5)),
        ("2020-01-02 24:00:00", at(2020, 1, 3)),
        ("0001-01-01 00:00:00", at(1, 1, 1)),
        ("9999-12-31 23:59:59.999", at(9999, 12, 31, 23, 59, 59, 999000)),
        ("2020-01-02T03:04:05", None),
        ("2020-01-02 03:04", None),
        (" 2020-01-02 03:04:05 ", None),
        ("2020-13-01 03:04:05", None),
        ("2020-01-02 25:04:05", None),
        ("2020-01-02 03:04:05Z", None),
        ("+58015-03-27 07:20:37", None),
        ("58015-03-27 07:20:37", None),
        ("0000-01-01 00:00:00", None),
        ("é", None),
        ("", None),
    ],
)
def test_to_timestamp_reads_flinks_default_or_gives_null(
    check: Check, value: str, expected: datetime.datetime | None
) -> None:
    check("TO_TIMESTAMP(v)", "STRING", value, "TIMESTAMP(3)", expected)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("dd.MM.yyyy", "02.01.2020", at(2020, 1, 2)),
        ("dd.MM.yyyy", "2.1.2020", None),
        ("dd.MM.yyyy", "31.02.2020", at(2020, 2, 29)),
        ("dd.MM.yyyy", "02.01.2020 trailing", None),
        ("dd.MM.yyyy", "2020-01-02 03:04:05", at(2020, 1, 2, 3, 4, 5)),
        ("d.M.yyyy", "2.1.2020", at(2020, 1, 2)),
        ("dd.MM.yy", "02.01.20", at(2020, 1, 2)),
        ("dd.MM.uuuu", "02.01.2020", at(2020, 1, 2)),
        ("yyyyMMdd", "20200102", at(2020, 1, 2)),
        ("yyyyMMddHHmmssSSS", "20200102030405123", at(2020, 1, 2, 3, 4, 5, 123000)),
        (
            "yyyy-MM-dd HH:mm:ss.SSSSSS",
            "2020-01-02 03:04:05.123456",
            at(2020, 1, 2, 3, 4, 5, 123000),
        ),
        ("yyyy-MM-dd''T''HH:mm:ss", "2020-01-02T03:04:05", at(2020, 1, 2, 3, 4, 5)),
        ("yyyy-MM-dd hh:mm a", "2020-01-02 03:04 PM", at(2020, 1, 2, 15, 4)),
        ("yyyy-MM-dd hh:mm a", "2020-01-02 12:04 AM", at(2020, 1, 2, 0, 4)),
        ("d MMM yyyy", "2 Jan 2020", at(2020, 1, 2)),
        ("EEE, d MMMM yyyy", "Thu, 2 January 2020", at(2020, 1, 2)),
        ("EEE, d MMMM yyyy", "Fri, 2 January 2020", None),
        ("HH:mm", "03:04", at(1970, 1, 1, 3, 4)),
        ("yyyy DDD", "2020 060", at(2020, 2, 29)),
        ("yyyy DDD", "2019 366", None),
        ("yyyy-MM-dd HH:mm:ss Z", "2020-01-02 03:04:05 +0100", at(2020, 1, 2, 3, 4, 5)),
        ("yyyy-MM-dd HH:mm:ssXXX", "2020-01-02 03:04:05+01:00", at(2020, 1, 2, 3, 4, 5)),
    ],
)
def test_to_timestamp_reads_a_pattern_digit_by_digit(
    check: Check, pattern: str, value: str, expected: datetime.datetime | None
) -> None:
    check(f"TO_TIMESTAMP(v, '{pattern}')", "STRING", value, "TIMESTAMP(3)", expected)


@pytest.mark.parametrize(
    ("sql", "value", "expected"),
    [
        ("TO_DATE(v)", "2020-1-2", datetime.date(2020, 1, 2)),
        ("TO_DATE(v)", "2020-01-02 09:30:00", datetime.date(2020, 1, 2)),
        ("TO_DATE(v)", "2020", datetime.date(2020, 1, 1)),
        ("TO_DATE(v)", "2020-05", datetime.date(2020, 5, 1)),
        ("TO_DATE(v)", "2020-02-30", None),
        ("TO_DATE(v)", "abc", None),
        ("TO_DATE(v, 'dd.MM.yyyy')", "2.1.2020", datetime.date(2020, 1, 2)),
        ("TO_DATE(v, 'dd.MM.yyyy')", "31.02.2020", datetime.date(2020, 3, 2)),
        ("TO_DATE(v, 'dd.MM.yyyy')", "02.01.2020xyz", datetime.date(2020, 1, 2)),
        ("TO_DATE(v, 'dd.MM.yy')", "02.01.20", datetime.date(2020, 1, 2)),
        ("TO_DATE(v, 'dd.MM.yy')", "02.01.85", datetime.date(1985, 1, 2)),
        ("TO_DATE(v, 'yyyyMMdd')", "20201301", datetime.date(2021, 1, 1)),
        ("TO_DATE(v, 'd MMM yyyy')", "2 january 2020", datetime.date(2020, 1, 2)),
        ("TO_DATE(v, 'dd.MM.yyyy')", "abc", None),
        ("TO_DATE(v, 'dd.MM.yyyy')", "999999999.1.999999999", None),
    ],
)
def test_to_date_reads_a_pattern_leniently(
    check: Check, sql: str, value: str, expected: datetime.date | None
) -> None:
    check(sql, "STRING", value, "DATE", expected)


@pytest.mark.parametrize(
    ("kind", "value", "pattern", "expected"),
    [
        (
            "TIMESTAMP(3)",
            at(2020, 1, 2, 3, 4, 5, 678000),
            "yyyy/MM/dd HH:mm:ss.SSS",
            "2020/01/02 03:04:05.678",
        ),
        ("TIMESTAMP(6)", at(2020, 1, 2, 3, 4, 5, 678912), "ss.SSSSSS S SS", "05.678912 6 67"),
        ("TIMESTAMP(9)", at(2020, 1, 2, 3, 4, 5, 678912), "SSSSSSSSS", "678912000"),
        ("TIMESTAMP(3)", at(2020, 1, 2, 15, 4, 5), "dd.MM.yy h:m:s a", "02.01.20 3:4:5 PM"),
        (
            "TIMESTAMP(3)",
            at(2020, 1, 2, 15, 4),
            "EEE EEEE E MMM MMMM M d D DDD",
            "Thu Thursday Thu Jan January 1 2 2 002",
        ),
        ("TIMESTAMP(3)", at(2020, 1, 2, 0, 4), "k K H hh yyy y uuuu", "24 0 0 12 2020 2020 2020"),
        ("TIMESTAMP(3)", at(987, 1, 2), "yyyy'' %Y ''''''", "0987 %Y '"),
        ("DATE", datetime.date(2020, 1, 2), "dd.MM.yyyy", "02.01.2020"),
        ("STRING", "2020-01-02 03:04:05", "dd.MM.yyyy", "02.01.2020"),
        ("STRING", "2020-01-02", "dd.MM.yyyy", None),
        ("STRING", "abc", "dd.MM.yyyy", None),
    ],
)
def test_date_format_writes_a_pattern(
    check: Check, kind: str, value: object, pattern: str, expected: str | None
) -> None:
    check(f"DATE_FORMAT(v, '{pattern}')", kind, value, "STRING", expected)


def test_a_timestamp_ltz_is_written_in_the_sessions_zone(check: Check) -> None:
    value = datetime.datetime(2020, 7, 1, 22, tzinfo=datetime.timezone.utc)
    sql = "DATE_FORMAT(v, 'yyyy-MM-dd HH:mm Z X XX XXX')"
    expected = "2020-07-02 00:00 +0200 +02 +0200 +02:00"
    check(sql, "TIMESTAMP_LTZ(3)", value, "STRING", expected, zone="Europe/Berlin")
    check(sql, "TIMESTAMP_LTZ(3)", value, "STRING", "2020-07-01 22:00 +0000 Z Z Z")


@pytest.mark.parametrize(
    ("sql", "value", "expected"),
    [
        (
            "CONVERT_TZ(v, 'UTC', 'America/Los_Angeles')",
            "1970-01-01 00:00:00",
            "1969-12-31 16:00:00",
        ),
        (
            "CONVERT_TZ(v, 'GMT-08:00', 'Asia/Shanghai')",
            "1970-01-01 00:00:00",
            "1970-01-01 16:00:00",
        ),
        ("CONVERT_TZ(v, 'PST', 'CET')", "1970-01-01 00:00:00.5", "1970-01-01 09:00:00"),
        ("CONVERT_TZ(v, 'Europe/Berlin', 'UTC')", "2020-03-29 02:30:00", "2020-03-29 01:30:00"),
        ("CONVERT_TZ(v, 'Europe/Berlin', 'UTC')", "2020-10-25 02:30:00", "2020-10-25 01:30:00"),
        ("CONVERT_TZ(v, 'UTC', 'CET')", "1970-01-01", None),
    ],
)
def test_convert_tz_moves_a_text_between_zones(
    check: Check, sql: str, value: str, expected: str | None
) -> None:
    check(sql, "STRING", value, "STRING", expected)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("TO_TIMESTAMP(v, 'yyyy-bb')", "the letter 'b', which is not supported"),
        ("TO_TIMESTAMP(v, 'yyyy''T')", "opens a quote and does not close it"),
        ("TO_TIMESTAMP(v, 'yyyy z')", "can be written but not read"),
        ("TO_TIMESTAMP(v, v)", "must be written as a literal text"),
        ("TO_TIMESTAMP(5)", "argument 1 is INT, expected STRING"),
        ("DATE_FORMAT(CAST(v AS TIMESTAMP), 'yyyy z')", "show a time zone"),
        ("CONVERT_TZ(v, 'UTC', 'Nope/Zone')", "unknown time zone 'Nope/Zone'"),
    ],
)
def test_a_wrong_pattern_or_zone_is_an_error_of_the_script(
    evaluate: Evaluate, sql: str, message: str
) -> None:
    with pytest.raises(SqlError) as raised:
        evaluate(sql, v=("STRING", ["a"]))
    assert message in str(raised.value)
