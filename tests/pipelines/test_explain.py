"""--explain as a person reads it: golden/explain/*.txt."""

from __future__ import annotations

import collections
import os
from pathlib import Path

import pytest

from pipelines import aml
from pipelines.lookups import describe_lookup
from transforms.sql.errors import Script
from transforms.sql.explain import explain
from transforms.sql.run import JobText
from transforms.sql.stand_ins import StandIns

GOLDEN = Path(__file__).parent / "golden" / "explain"
STAND_INS = collections.defaultdict(StandIns, aml=StandIns("recordings/aml", "out"))
VALUES = {
    "RECORDING": "recordings/aml",
    "LOOKUP_URL": "sqlite:///customers.db",
    "OUTPUT_DIR": "out",
}
PATHS = [aml.SCRIPT, *sorted(GOLDEN.glob("*.sql"))]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_plan_is_the_golden_one(path: Path) -> None:
    text = JobText(
        Script(path.name, path.read_text(encoding="utf-8")), VALUES, STAND_INS[path.stem]
    )
    found = explain(*text.compile(), "fastavro", describe_lookup) + "\n"
    expected = GOLDEN / f"{path.stem}.txt"
    if os.environ.get("KAMIFLOW_GOLDEN") == "write":
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
    assert "hunter2" not in found
