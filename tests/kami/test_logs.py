"""Errors of the command where no person reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kami.cli import main


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["status", "--config", str(tmp_path / "none.toml")], prog_name="kami")
    return int(str(stopped.value)), capsys.readouterr().err


def test_an_error_is_a_sentence_or_an_object_with_the_same_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAMIFLOW_LOG_FORMAT", raising=False)
    code, text = run(tmp_path, capsys)
    assert code == 2
    assert text.startswith("kami: ")
    monkeypatch.setenv("KAMIFLOW_LOG_FORMAT", "json")
    same_code, line = run(tmp_path, capsys)
    assert same_code == code
    found = json.loads(line)
    assert line.count("\n") == 1
    assert f"kami: {found['message']}\n" == text
    assert found["time"].endswith("+00:00")
    assert (found["severity"], found["logger"], found["command"]) == ("ERROR", "kami", "status")
