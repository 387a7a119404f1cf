"""The command line: each command with and without names, and what it says of a mistake."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import cast

import click.testing
import pytest

from tests.stack.__main__ import main
from tests.stack.echo_part import Echo, Second
from tests.stack.home import VARIABLE
from tests.stack.part import Missing, Part
from tests.stack.parts import PARTS
from tests.stack.stack import Stack


class Absent(Echo):
    """A part that this machine cannot have."""

    name = "absent"

    def require(self) -> None:
        message = "a machine with wings is needed"
        raise Missing(message)


@pytest.fixture(autouse=True)
def _parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Parts of these tests alone."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    known = cast("MutableMapping[str, Part]", PARTS)
    for name in list(known):
        monkeypatch.delitem(known, name)
    for part in (Echo(), Second(), Absent()):
        monkeypatch.setitem(known, part.name, part)
    yield
    Stack().down()


def test_up_without_names_starts_what_the_machine_can_have() -> None:
    result = _run("up")
    assert "absent: left out: a machine with wings is needed" in result.output
    assert set(Stack().state().parts) == {"echo", "second"}


def test_up_of_a_part_that_cannot_be_had_fails_with_the_reason() -> None:
    result = _run("up", "absent", exit_code=1)
    assert "Error: a machine with wings is needed" in result.output


def test_status_tells_what_runs_where() -> None:
    _run("up", "echo")
    lines = _run("status").output.splitlines()
    address = Stack().endpoints("echo")["address"]
    assert lines[:3] == [
        f"echo       up  address={address}",
        "second     not installed",
        "absent     not installed",
    ]


def test_status_tells_of_a_server_that_has_ended() -> None:
    _run("up", "echo")
    Stack().stop("echo")
    assert "echo       ENDED; see its log" in _run("status").output


def test_logs_show_the_last_lines() -> None:
    _run("up", "echo")
    assert "listening soon" in _run("logs", "echo").output
    assert "is not up" in _run("logs", "second", exit_code=1).output


def test_down_says_what_it_stopped() -> None:
    assert "nothing ran" in _run("down").output
    _run("up", "echo")
    assert "stopped: echo" in _run("down").output


def test_install_starts_nothing() -> None:
    _run("install", "second")
    assert not Stack().state().parts
    assert "echo       installed\nsecond     installed" in _run("status").output


def test_an_unknown_part_is_a_mistake_without_a_traceback() -> None:
    for command in ("install", "up", "down", "status", "logs"):
        assert "Error: 'kavka' is no" in _run(command, "kavka", exit_code=1).output


def _run(*arguments: str, exit_code: int = 0) -> click.testing.Result:
    result = click.testing.CliRunner().invoke(main, arguments)
    assert result.exit_code == exit_code, result.output
    return result
