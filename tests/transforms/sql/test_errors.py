"""Errors name their place and underline it, in any script."""

from __future__ import annotations

import pytest

from transforms.sql.errors import Script, Span, SqlError, SqlErrors, did_you_mean


def told(text: str, word: str, *, hidden: bool = False) -> str:
    start = text.index(word)
    span = Span(start, start + len(word))
    return str(SqlError("wrong", span, hidden=hidden).located(Script("job.sql", text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("here", "job.sql:1:1: wrong\n    1 | here\n      | ^^^^"),
        ("a\n  here b\nc", "job.sql:2:3: wrong\n    2 |   here b\n      |   ^^^^"),
        ("a\r\n here\r\nb", "job.sql:2:2: wrong\n    2 |  here\n      |  ^^^^"),
        ("\ta\there", "job.sql:1:4: wrong\n    1 | \ta\there\n      | \t \t^^^^"),
        ("日本 here", "job.sql:1:4: wrong\n    1 | 日本 here\n      |      ^^^^"),
        ("e\u0301 here", "job.sql:1:4: wrong\n    1 | e\u0301 here\n      |   ^^^^"),
    ],
)
def test_the_marker_stands_under_its_text(text: str, expected: str) -> None:
    assert told(text, "here") == expected


def test_wide_characters_are_underlined_in_their_width() -> None:
    assert told("x 日本", "日本").endswith("|   ^^^^")


def test_a_place_of_several_lines_is_underlined_in_its_first() -> None:
    assert told("a b\nc d", "b\nc") == "job.sql:1:3: wrong\n    1 | a b\n      |   ^"


def test_the_end_of_a_script_can_be_underlined() -> None:
    script = Script("job.sql", "ab")
    assert script.underline(Span(2, 3)) == "    1 | ab\n      |   ^"


@pytest.mark.parametrize(
    "line",
    [
        "'url' = 'mysql://me:hunter2@host/db', here",
        "'url' = 'mysql://host/db?password=hunter2', here",
        "'url' = 'jdbc:postgresql://host/db?user=me&password=hunter2&x=1', here",
    ],
)
def test_a_password_in_an_address_is_never_shown(line: str) -> None:
    shown = told(line, "here")
    assert "hunter2" not in shown
    marked, marker = (part.split("| ", 1)[1] for part in shown.splitlines()[1:])
    assert marked.index("here") == marker.index("^")


def test_a_hidden_place_is_stars() -> None:
    assert told("'password' = 'x y'", "'x y'", hidden=True).splitlines()[1].endswith("= *****")


def test_errors_are_in_the_order_of_the_script_and_once_each() -> None:
    errors = [
        SqlError("b", Span(5, 6)),
        SqlError("a", Span(1, 2)),
        SqlError("b", Span(5, 6)),
        SqlError("whole"),
    ]
    assert [error.message for error in SqlErrors(errors).errors] == ["whole", "a", "b"]


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("topik", ["topic", "path"], "did you mean 'topic'?"),
        ("ID", ["id", "idx"], "did you mean 'id'?"),
        ("qqq", ["b", "a"], "there is: a, b"),
        ("qqq", [], "there is none"),
        ("qqq", [f"n{number:02}" for number in range(30)], "n19, ..."),
    ],
)
def test_names_are_offered(name: str, known: list[str], expected: str) -> None:
    assert did_you_mean(name, known).endswith(expected)
