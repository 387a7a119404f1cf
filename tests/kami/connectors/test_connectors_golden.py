"""The rendered configurations themselves. `make golden` rewrites what is expected."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from kami.cli import main

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("shop", "shop-archive", "crm", "crm-copy", "polled")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(
        main, ["connectors", "render", *arguments, "--config", str(GOLDEN / "connectors.yaml")]
    )
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_of_a_connector_is_as_it_was(name: str) -> None:
    made = run(name)
    path = GOLDEN / f"{name}.json"
    if os.environ.get("KAMIFLOW_GOLDEN") == "write":
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


def test_all_connectors_are_rendered_and_a_line_is_one_in_json() -> None:
    rows = [json.loads(line) for line in run("--output", "json").splitlines()]
    assert [row["name"] for row in rows] == list(NAMES)
    for row in rows:
        assert row == json.loads((GOLDEN / f"{row['name']}.json").read_text(encoding="utf-8"))


def test_no_secret_is_in_what_is_rendered_or_needed_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_PASSWORD", "of-crm")
    run("--to", str(tmp_path))
    files = sorted(path.stem for path in tmp_path.iterdir())
    assert files == sorted(NAMES)
    text = "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())
    assert "of-crm" not in text
    assert '"${CRM_PASSWORD}"' in text
