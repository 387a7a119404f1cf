"""Cut and shuffled scripts give errors with a place, and never another exception."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipelines
from transforms.sql.dialect import DIALECT
from transforms.sql.errors import Script, SqlErrors
from transforms.sql.run import JobText

AML = pathlib.Path(pipelines.__path__[0], "aml.sql").read_text(encoding="utf-8")
GOLDEN = pathlib.Path(__file__).parent / "golden" / "errors"
SCRIPTS = [AML, *(path.read_text(encoding="utf-8") for path in sorted(GOLDEN.glob("*.sql")))]
VALUES = {"RECORDING": "r", "LOOKUP_URL": "sqlite:///c.db", "OUTPUT_DIR": "o", "FOLDER": "f"}
STATEMENTS = [part for script in SCRIPTS for part in script.split(";") if 0 < len(part) < 2_000]
TEXTS = sorted({token.text for token in DIALECT.tokenize(AML)} | {"\ufeff", "${", "${X}", "'", "`"})


def read(text: str) -> None:
    """Compiles a script; what is wrong with it must be told with a place, or of the whole."""
    try:
        JobText(Script("job.sql", text), VALUES).compile()
    except SqlErrors as errors:
        assert errors.errors
        for error in errors.errors:
            assert error.script is not None
            assert error.message
            assert "sqlglot" not in error.message
            if error.span is not None:
                assert 0 <= error.span.start < error.span.end <= len(text) + 1
            assert str(error).startswith("job.sql:")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_cut_script_gives_errors_with_places(data: st.DataObject) -> None:
    script = data.draw(st.sampled_from(SCRIPTS))
    start = data.draw(st.integers(0, len(script)))
    end = data.draw(st.integers(start, min(len(script), start + 1_500)))
    read(script[start:end])


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_swapped_tokens_give_errors_with_places(data: st.DataObject) -> None:
    statement = data.draw(st.sampled_from(STATEMENTS))
    words = statement.split(" ")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(words) - 1))
        match data.draw(st.sampled_from(("swap", "drop", "double", "put"))):
            case "swap":
                other = data.draw(st.integers(0, len(words) - 1))
                words[place], words[other] = words[other], words[place]
            case "drop":
                words[place] = ""
            case "double":
                words[place] = f"{words[place]} {words[place]}"
            case _:
                words[place] = data.draw(st.sampled_from(TEXTS))
    read(" ".join(words))


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("aé日😀 \t\n\r'`\"(),;.*/-${}=<>:?@#\\0123"), max_size=40))
def test_any_characters_give_errors_with_places(text: str) -> None:
    read(text)


@pytest.mark.parametrize("wrap", ["({})", "[{}]", "ROW({})", "CASE WHEN TRUE THEN {} END", "-{}"])
def test_a_deeply_nested_expression_gives_an_error_and_no_crash(wrap: str) -> None:
    text = "1"
    for _ in range(400):
        text = wrap.format(text)
    read(f"INSERT INTO s SELECT {text} FROM t")  # noqa: S608 (no database)
