"""`${NAME}`s get their values, and places stay those of the script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.sql.errors import Script, Span
from transforms.sql.variables import substitute, used_values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a ${X} b", "a 1 b"),
        ("'${X}/${Y}'", "'1/it''s'"),
        ("`${X}`", "`1`"),
        ("${NONE:-a b}", "a b"),
        ("'${NONE:-}'", "''"),
        ("${X:-other}", "1"),
        ("-- ${NONE}\n/* ${NONE} */ ${X}", "-- ${NONE}\n/* ${NONE} */ 1"),
        ("'-- ${X}' /* ' */ '${X}'", "'-- 1' /* ' */ '1'"),
        ("`it's` '${Y}'", "`it's` 'it''s'"),
        ("$X {X} ${1X} ${X Y} $${X}", "$X {X} ${1X} ${X Y} $1"),
        ("${DEEP}", "${X}"),
    ],
)
def test_values_are_put_in(text: str, expected: str) -> None:
    values = {"X": "1", "Y": "it's", "DEEP": "${X}"}
    found = substitute(Script("job.sql", text), values)
    assert found.text == expected
    assert not found.missing


def test_every_name_without_a_value_is_told_and_stays() -> None:
    found = substitute(Script("job.sql", "${FOLDRE} '${B}' ${B:-b}"), {"FOLDER": "x", "HOME": "/"})
    assert found.text == "${FOLDRE} '${B}' b"
    first, second = map(str, found.missing)
    assert first.startswith("job.sql:1:1: ${FOLDRE} has no value: give --variable FOLDRE=VALUE")
    assert "did you mean 'FOLDER'?" in first
    assert second.startswith("job.sql:1:12: ${B} has no value")
    # The environment's other names are nobody's business.
    assert "HOME" not in first + second


VALUES = {"A": "", "B": "x", "C": "a much longer value than its name", "D": "two\nlines"}


@given(
    st.lists(st.sampled_from(["word", " ", "\n", "${A}", "${B}", "${C}", "${D}", "${E:-d}", "日"]))
)
def test_what_was_not_replaced_keeps_its_place(parts: list[str]) -> None:
    script = "".join(parts)
    found = substitute(Script("job.sql", script), VALUES)
    source = text = 0
    for part in parts:
        shown = {**{f"${{{name}}}": value for name, value in VALUES.items()}, "${E:-d}": "d"}
        value = shown.get(part, part)
        if value:
            # A stretch of a value is the whole name that it came from.
            whole = found.source_span(Span(text, text + len(value)))
            assert script[whole.start : whole.end] == part
        source, text = source + len(part), text + len(value)
    assert len(found.text) == text


def test_only_the_values_that_a_script_names_travel() -> None:
    script = Script("job.sql", "'${B}' ${Z:-z}")
    assert used_values(script, {**VALUES, "SECRET": "x"}) == {"B": "x"}
