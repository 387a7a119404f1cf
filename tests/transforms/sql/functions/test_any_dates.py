"""FORMAT_DATE_ANY: dates of many forms written in one."""

from __future__ import annotations

import datetime

import pytest

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.errors import SqlError

GERMAN = "'dd.MM.yyyy|yyyyMMdd|yyyy-MM-dd'"


@pytest.mark.parametrize(
    ("patterns", "value", "expected"),
    [
        (GERMAN, "31.12.2020", "2020-12-31"),
        (GERMAN, "20201231", "2020-12-31"),
        (GERMAN, "2020-12-31", "2020-12-31"),
        (GERMAN, "29.02.2020", "2020-02-29"),
        (GERMAN, "29.02.2021", ...),
        (GERMAN, "1.2.2020", ...),
        (GERMAN, "31.12.2020 ", ...),
        (GERMAN, "é", ...),
        (GERMAN, "", ...),
        ("'d.M.yyyy'", "1.2.2020", "2020-02-01"),
        ("'epoch_seconds'", "1600000000", "2020-09-13"),
        ("'epoch_millis'", "-1", "1969-12-31"),
        ("'epoch_micros'", "1600000000000000", "2020-09-13"),
        ("'epoch_days|yyyy-MM-dd'", "18518", "2020-09-13"),
        ("'epoch_seconds'", "9223372036854775807", ...),
        ("'epoch_days'", "9" * 19, ...),
        ("'yyyy-MM-dd''T''HH:mm:ssXXX'", "2020-01-01T00:30:00+01:00", "2019-12-31"),
        ("'MMMM d, yyyy'", "March 3, 2020", "2020-03-03"),
    ],
)
def test_the_first_pattern_that_fits_reads_a_text(
    check: Check, patterns: str, value: str, expected: object
) -> None:
    check(f"FORMAT_DATE_ANY(v, {patterns}, 'yyyy-MM-dd')", "STRING", value, "STRING", expected)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("BIGINT", 20201231, "31.12.2020"),
        ("DATE", datetime.date(2020, 12, 31), "31.12.2020"),
        (
            "TIMESTAMP_LTZ(3)",
            datetime.datetime(2020, 12, 31, 23, tzinfo=datetime.timezone.utc),
            "01.01.2021",
        ),
    ],
)
def test_integers_are_read_and_times_are_written_as_they_are(
    check: Check, kind: str, value: object, expected: str
) -> None:
    sql = "FORMAT_DATE_ANY(v, 'yyyyMMdd', 'dd.MM.yyyy')"
    check(sql, kind, value, "STRING", expected, zone="Europe/Berlin")


def test_a_refusal_names_the_patterns(evaluate: Evaluate) -> None:
    sql = f"FORMAT_DATE_ANY(v, {GERMAN}, 'yyyy')"
    outcome = evaluate(sql, v=("STRING", ["x", "20200101"]))
    assert outcome.values == [..., "2020"]
    assert "none of the patterns 'dd.MM.yyyy|yyyyMMdd|yyyy-MM-dd'" in outcome.messages[0]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("FORMAT_DATE_ANY(v, 'dd.MM.yyyy|', 'yyyy')", "the pattern '' has no field"),
        ("FORMAT_DATE_ANY(v, 'dd.bb', 'yyyy')", "has the letter 'b', which is not supported"),
        ("FORMAT_DATE_ANY(v, 'yyyy', 'VV')", "has the letter 'V'"),
        ("FORMAT_DATE_ANY(v, v, 'yyyy')", "the patterns to read, must be written as a literal"),
        ("FORMAT_DATE_ANY(1.5, 'yyyy', 'yyyy')", "argument 1 is DECIMAL(2, 1)"),
    ],
)
def test_a_wrong_pattern_is_an_error_of_the_script(
    evaluate: Evaluate, sql: str, message: str
) -> None:
    with pytest.raises(SqlError) as raised:
        evaluate(sql, v=("STRING", ["a"]))
    assert message in str(raised.value)
