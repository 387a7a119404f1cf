"""Functions of text. The expected values are those of Flink SQL 2.3."""

from __future__ import annotations

import pytest

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.errors import SqlError

TEXTS = [
    ("UPPER(v)", "straße éß", "STRASSE ÉSS"),
    ("LOWER(v)", "ÄÖ Ab", "äö ab"),
    ("INITCAP(v)", "hello wORLD-foo_bar 1st äpfel", "Hello World-Foo_Bar 1st äPfel"),
    ("INITCAP(v)", "", ""),
    ("REVERSE(v)", "a😀b", "b😀a"),
    ("REVERSE(v)", "e\u0301x", "x\u0301e"),
    ("TRIM(v)", "  x\t ", "x\t"),
    ("TRIM(BOTH 'ab' FROM v)", "abcba", "c"),
    ("TRIM(BOTH '' FROM v)", " x ", " x "),
    ("TRIM(LEADING 'a' FROM v)", "aabca", "bca"),
    ("TRIM(TRAILING 'ab' FROM v)", "cabab", "c"),
    ("LTRIM(v)", "  x ", "x "),
    ("LTRIM(v, 'x')", "xxabc", "abc"),
    ("RTRIM(v)", "  x ", "  x"),
    ("RTRIM(v, 'ab')", "abcba", "abc"),
    ("BTRIM(v)", "  x ", "x"),
    ("BTRIM(v, 'ab')", "abcba", "c"),
    ("CONCAT(v, 'BB', 'CC')", "AA", "AABBCC"),
    ("CONCAT('é', v)", "😀", "é😀"),
    ("CONCAT_WS(v, 'AA', CAST(NULL AS STRING), 'BB', '', 'CC')", "~", "AA~BB~~CC"),
    ("REPLACE(v, 'world', 'flink')", "hello world", "hello flink"),
    ("REPLACE(v, 'abab', 'z')", "ababab", "zab"),
    ("REPLACE(v, '.', '$1')", "a.b", "a$1b"),
    ("REPLACE(v, '', 'x')", "abc", "xaxbxcx"),
    ("REPLACE('abab', v, 'z')", "b", "azaz"),
    ("REPLACE('ab', v, 'z')", "", "zazbz"),
    ("REPEAT(v, 3)", "ab", "ababab"),
    ("REPEAT(v, 0)", "ab", ""),
    ("REPEAT(v, -1)", "ab", ""),
    ("REPEAT(v, 2147483647)", "ab", ...),
    ("LPAD(v, 4, '??')", "hi", "??hi"),
    ("LPAD(v, 1, '??')", "hi", "h"),
    ("LPAD(v, 7, 'ab')", "hi", "ababahi"),
    ("LPAD(v, 3, 'é')", "😀", "éé😀"),
    ("LPAD(v, 0, '??')", "hi", ""),
    ("LPAD(v, -1, '??')", "hi", None),
    ("LPAD(v, 4, '')", "hi", None),
    ("LPAD(v, 2147483647, 'x')", "hi", ...),
    ("RPAD(v, 4, '??')", "hi", "hi??"),
    ("RPAD(v, 7, 'abc')", "hi", "hiabcab"),
    ("RPAD(v, 1, '??')", "hi", "h"),
    ("RPAD(v, -1, 'x')", "hi", None),
    ("TRANSLATE(v, 'ab', 'x')", "abcba", "xcx"),
    ("TRANSLATE(v, 'wapcheorg', ' APCHEcom')", "www.apache.org", "   .APACHE.com"),
]


@pytest.mark.parametrize(("sql", "value", "expected"), TEXTS)
def test_a_function_of_text_gives_text(
    check: Check, sql: str, value: str, expected: object
) -> None:
    check(sql, "STRING", value, "STRING", expected)


@pytest.mark.parametrize(
    ("sql", "value", "result", "expected"),
    [
        ("CHAR_LENGTH(v)", "a😀b", "INT", 3),
        ("CHARACTER_LENGTH(v)", "", "INT", 0),
        ("STARTSWITH(v, 'hé')", "héllo", "BOOLEAN", True),
        ("STARTSWITH(v, '')", "hello", "BOOLEAN", True),
        ("ENDSWITH(v, 'lo')", "hello", "BOOLEAN", True),
        ("ENDSWITH(v, 'LO')", "hello", "BOOLEAN", False),
    ],
)
def test_a_function_of_text_gives_its_own_type(
    check: Check, sql: str, value: str, result: str, expected: int
) -> None:
    check(sql, "STRING", value, result, expected)


def test_concat_ws_skips_null_and_is_empty_without_values(evaluate: Evaluate) -> None:
    outcome = evaluate("CONCAT_WS('-', a, b)", a=("STRING", ["x", None]), b=("STRING", [None] * 2))
    assert outcome.values == ["x", ""]


def test_a_column_can_be_every_argument(evaluate: Evaluate) -> None:
    columns = {
        "a": ("STRING", ["héllo", "xx", "abc", None]),
        "n": ("INT", [7, None, 2, 1]),
        "p": ("STRING", ["-", "-", None, "-"]),
    }
    assert evaluate("RPAD(a, n, p)", **columns).values == ["héllo--", None, None, None]
    assert evaluate("REPEAT(p, n)", **columns).values == ["-------", None, None, "-"]
    assert evaluate("TRIM(BOTH p FROM a)", **columns).values == ["héllo", "xx", None, None]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("UPPER(v, v)", "UPPER: expected 1 argument, not 2"),
        ("UPPER(1)", "UPPER: argument 1 is INT, expected STRING"),
        ("CONCAT('a', 1)", "CONCAT: argument 2 is INT, expected STRING"),
        ("CONCAT_WS('a')", "expected at least 2 arguments, not 1"),
        ("LPAD('a', 'b', 'c')", "argument 2 is CHAR(1), expected an integer"),
        ("TRANSLATE('a', v, 'c')", "must be written as a literal text"),
    ],
)
def test_a_wrong_argument_is_an_error_of_the_script(
    evaluate: Evaluate, sql: str, message: str
) -> None:
    with pytest.raises(SqlError) as raised:
        evaluate(sql, v=("STRING", ["a"]))
    assert message in str(raised.value)


def test_the_null_literal_gives_null(evaluate: Evaluate) -> None:
    outcome = evaluate("UPPER(NULL)", rows=2)
    assert (outcome.type, outcome.values) == ("STRING", [None, None])


def test_a_call_of_literals_alone_fills_a_batch(evaluate: Evaluate) -> None:
    assert evaluate("LPAD(UPPER('a'), 3, '-')", rows=3).values == ["--A"] * 3
