"""Starting and stopping parts: order, ports, data, and what is said when one does not come up."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import cast

import pytest

from tests.stack.asking import listens
from tests.stack.echo_part import Deaf, Echo, Second
from tests.stack.home import VARIABLE
from tests.stack.part import NotReady, Part, StackError
from tests.stack.parts import PARTS
from tests.stack.processes import Process
from tests.stack.stack import Stack


@pytest.fixture(autouse=True)
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MutableMapping[str, Part]:
    """A home of its own and the parts echo and, in need of it, second."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    known = cast("MutableMapping[str, Part]", PARTS)
    monkeypatch.setitem(known, "echo", Echo())
    monkeypatch.setitem(known, "second", Second())
    return known


@pytest.fixture
def stack() -> object:
    stack = Stack()
    yield stack
    stack.down()


def test_a_part_gets_the_endpoints_of_what_it_needs(stack: Stack) -> None:
    stack.up(["second"])
    assert stack.endpoints("second")["echo"] == stack.endpoints("echo")["address"]


def test_what_runs_already_is_left_running(stack: Stack) -> None:
    stack.up(["echo"])
    before = stack.state()
    stack.up(["second"])
    assert stack.state().parts["echo"] == before.parts["echo"]


def test_what_has_ended_comes_back_on_its_port_with_its_data(stack: Stack) -> None:
    stack.up(["echo"])
    (process,) = stack.state().parts["echo"].processes.values()
    address = stack.endpoints("echo")["address"]
    process.signal(9)
    while process.is_alive():
        pass
    Stack().up(["echo"])
    assert stack.endpoints("echo")["address"] == address
    assert (stack.folder / "echo" / "starts").read_text() == "xx"
    listens(str(address))


def test_down_leaves_no_process_and_no_data(stack: Stack) -> None:
    stack.up(["second"])
    processes = _processes(stack)
    assert all(process.is_alive() for process in processes)
    assert sorted(stack.down()) == ["echo", "second"]
    assert not any(process.is_alive() for process in processes)
    assert not stack.folder.exists()
    assert "listening soon" in stack.log("echo").read_text()


def test_down_of_a_part_takes_those_that_need_it_along(stack: Stack) -> None:
    stack.up(["second"])
    assert sorted(stack.down(["echo"])) == ["echo", "second"]


def test_down_of_a_part_leaves_what_it_needs(stack: Stack) -> None:
    stack.up(["second"])
    assert stack.down(["second"]) == ["second"]
    assert stack.has("echo")


def test_a_server_that_ends_is_told_with_its_last_lines(
    stack: Stack, parts: MutableMapping[str, Part]
) -> None:
    parts["echo"] = Echo(server="raise SystemExit('the disk is made of cheese')")
    with pytest.raises(StackError, match=r"(?s)echo ended.*echo\.log.*the disk is made of cheese"):
        stack.up(["echo"])
    assert not stack.state().parts


def test_a_server_that_does_not_answer_is_told_and_stopped(
    stack: Stack, parts: MutableMapping[str, Part]
) -> None:
    parts["echo"] = Deaf()
    with pytest.raises(StackError, match=r"(?s)echo does not answer.*nobody speaks.*echo\.log"):
        stack.up(["echo"])
    assert not stack.state().parts


def test_parts_that_need_one_that_fails_are_not_started(
    stack: Stack, parts: MutableMapping[str, Part]
) -> None:
    parts["echo"] = Deaf()
    with pytest.raises(StackError) as error:
        stack.up(["second"])
    assert str(error.value).count("does not answer") == 1
    assert not stack.state().parts


def test_an_unknown_part_is_named_with_those_there_are(stack: Stack) -> None:
    with pytest.raises(StackError, match=r"'kavka' is no part.*kafka"):
        stack.up(["kavka"])


def test_stop_and_start_keep_port_and_data(stack: Stack) -> None:
    stack.up(["echo"])
    address = str(stack.endpoints("echo")["address"])
    stack.stop("echo")
    with pytest.raises(NotReady):
        listens(address)
    stack.start("echo")
    listens(address)
    assert (stack.folder / "echo" / "starts").read_text() == "xx"


def test_a_base_is_used_and_left_running(stack: Stack) -> None:
    stack.up(["echo"])
    other = Stack("other", base=stack)
    other.up(["second"])
    assert list(other.state().parts) == ["second"]
    assert other.endpoints("second")["echo"] == stack.endpoints("echo")["address"]
    other.down()
    assert stack.has("echo")


def test_a_start_that_is_abandoned_ends(stack: Stack, parts: MutableMapping[str, Part]) -> None:
    parts["echo"] = Deaf()
    stack.abandon()
    with pytest.raises(StackError, match="was stopped while it was starting"):
        stack.up(["echo"])


def _processes(stack: Stack) -> list[Process]:
    return [process for part in stack.state().parts.values() for process in part.processes.values()]
