"""Regular expressions. The expected values are those of Flink SQL 2.3."""

from __future__ import annotations

import pytest

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.errors import SqlError


@pytest.mark.parametrize(
    ("sql", "value", "result", "expected"),
    [
        ("REGEXP(v, 'o+')", "foobar", "BOOLEAN", True),
        ("REGEXP(v, '^o+$')", "foobar", "BOOLEAN", False),
        ("REGEXP(v, '')", "foobar", "BOOLEAN", False),
        ("REGEXP(v, '^\\d$')", "٣", "BOOLEAN", False),
        ("REGEXP(v, '^[\\w.]+$')", "a_1.b", "BOOLEAN", True),
        ("REGEXP(v, '^\\Qa.b\\E$')", "axb", "BOOLEAN", False),
        ("REGEXP_REPLACE(v, 'oo|ar', '')", "foobar", "STRING", "fb"),
        ("REGEXP_REPLACE(v, '(o)(o)', '$2-$1')", "foobar", "STRING", "f$2-$1bar"),
        ("REGEXP_REPLACE(v, '', 'x')", "foobar", "STRING", "xfxoxoxbxaxrx"),
        ("REGEXP_REPLACE(v, '[äé]', '😀')", "äbé", "STRING", "😀b😀"),
        ("REGEXP_EXTRACT(v, 'foo(.*?)(bar)', 2)", "foothebar", "STRING", "bar"),
        ("REGEXP_EXTRACT(v, 'foo(.*?)(bar)')", "foothebar", "STRING", "foothebar"),
        ("REGEXP_EXTRACT(v, 'foo(.*?)(bar)', 3)", "foothebar", "STRING", None),
        ("REGEXP_EXTRACT(v, 'foo(.*?)(bar)', -1)", "foothebar", "STRING", None),
        ("REGEXP_EXTRACT(v, 'x(.*)', 1)", "foothebar", "STRING", None),
        ("REGEXP_EXTRACT(v, '(x)?foo', 1)", "foobar", "STRING", None),
        ("REGEXP_SUBSTR(v, 'o+')", "foobar", "STRING", "oo"),
        ("REGEXP_COUNT(v, 'o')", "foobar", "INT", 2),
    ],
)
def test_a_regular_expression(
    check: Check, sql: str, value: str, result: str, expected: object
) -> None:
    check(sql, "STRING", value, result, expected)


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "(a)\\1", "a{2,1}"])
def test_a_pattern_that_the_engine_lacks_is_an_error_of_the_script(
    evaluate: Evaluate, pattern: str
) -> None:
    with pytest.raises(SqlError, match="is refused"):
        evaluate(f"REGEXP(v, '{pattern}')", v=("STRING", ["a"]))


def test_a_pattern_in_a_column_is_an_error_of_the_script(evaluate: Evaluate) -> None:
    with pytest.raises(SqlError, match="literal text"):
        evaluate("REGEXP('a', v)", v=("STRING", ["a"]))


def test_null_as_the_pattern_gives_null(evaluate: Evaluate) -> None:
    assert evaluate("REGEXP_REPLACE(v, NULL, 'x')", v=("STRING", ["a"])).values == [None]
