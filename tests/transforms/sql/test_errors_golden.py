"""The texts of all errors of a script, as a person reads them: golden/errors/*.txt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from transforms.sql.errors import Script, SqlErrors
from transforms.sql.run import JobText

GOLDEN = Path(__file__).parent / "golden" / "errors"
VALUES = {"FOLDER": "a folder with a long name", "TOPIC": "t", "SINK": "out", "CONDITION": "id > 1"}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.sql")), ids=lambda path: path.stem)
def test_the_errors_of_a_script_are_the_golden_ones(path: Path) -> None:
    script = Script(path.name, path.read_text(encoding="utf-8"))
    with pytest.raises(SqlErrors) as raised:
        JobText(script, VALUES).compile()
    found = f"{raised.value}\n"
    expected = path.with_suffix(".txt")
    if os.environ.get("KAMIFLOW_GOLDEN") == "write":
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
