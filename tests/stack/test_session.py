"""What a test session starts ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import cast

import pytest

from tests.stack.asking import listens
from tests.stack.echo_part import Echo, Second
from tests.stack.home import ROOT, VARIABLE
from tests.stack.part import Part
from tests.stack.parts import PARTS
from tests.stack.processes import Process
from tests.stack.servers import Server
from tests.stack.session import session
from tests.stack.stack import Stack, sessions, sweep

PROGRAM = """
import sys, time
from tests.stack import parts
from tests.stack.echo_part import Echo, Second
from tests.stack.servers import Server
from tests.stack.session import session

parts.PARTS["echo"] = Echo()
with session() as opened:
    print(opened.server("echo", Server).pids()["echo"], flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    known = cast("MutableMapping[str, Part]", PARTS)
    monkeypatch.setitem(known, "echo", Echo())
    monkeypatch.setitem(known, "second", Second())


@pytest.fixture
def by_hand() -> Iterator[Stack]:
    """The stack that was started by hand, with echo in it."""
    stack = Stack()
    stack.up(["echo"])
    yield stack
    stack.down()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_servers_end_with_the_process_that_started_them(number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        assert program.stdout is not None
        server = Process.of(int(program.stdout.readline()))
        assert server is not None
        (name,) = sessions()
        program.send_signal(number)
    folder = Stack(name).folder
    deadline = time.monotonic() + 30
    while server.is_alive() or folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_session_ends_what_it_started() -> None:
    with session() as opened:
        server = opened.server("second", Server)
        address, folder = server.text("address"), server.log().parent
        listens(address)
        process = Process.of(server.pids()["second"])
    assert process is not None
    assert not process.is_alive()
    assert not sessions()
    # For whoever asks why a test has failed.
    assert (folder / "second.log").exists()


def test_a_session_uses_what_was_started_by_hand_and_leaves_it(by_hand: Stack) -> None:
    with session() as opened:
        server = opened.server("second", Server)
        assert server.text("echo") == by_hand.endpoints("echo")["address"]
        assert opened.server("echo", Server).pids() == _pids(by_hand)
    assert by_hand.has("echo")
    assert not by_hand.has("second")


def test_a_part_is_started_once() -> None:
    with session() as opened:
        opened.begin(["second"])
        first, again = opened.server("second", Server), opened.server("second", Server)
        assert first is again
        starts = first.log().parents[2] / f"session-{os.getpid()}" / "second" / "starts"
        assert starts.read_text() == "x"


def test_what_a_test_disturbed_is_repaired() -> None:
    with session() as opened:
        server = opened.server("echo", Server)
        server.kill()
        assert Process.of(server.pids()["echo"]) is None
        opened.repair()
        listens(server.text("address"))
        server.pause()
        opened.repair()
        assert not _is_frozen(server.pids()["echo"], expected=False)


def test_a_paused_server_is_frozen_until_it_is_resumed() -> None:
    with session() as opened:
        server = opened.server("echo", Server)
        with server.paused():
            assert _is_frozen(server.pids()["echo"], expected=True)
        assert not _is_frozen(server.pids()["echo"], expected=False)


def test_sweeping_ends_what_a_dead_process_has_left_and_nothing_else(by_hand: Stack) -> None:
    me = Process.of(os.getpid())
    assert me is not None
    dead = Process(me.pid, me.started - 1)
    for name, owner in (("session-1", dead), ("session-2", me)):
        Stack(name, owner=owner).up(["echo"])
    assert sweep() == ["session-1"]
    assert list(sessions()) == ["session-2"]
    assert by_hand.has("echo")
    Stack("session-2").down()


def _pids(stack: Stack) -> dict[str, int]:
    processes = stack.state().parts["echo"].processes
    return {name: process.pid for name, process in processes.items()}


def _state(pid: int) -> str:
    """The letter by which Linux tells what a process does; T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _is_frozen(pid: int, *, expected: bool) -> bool:
    """Whether a process is frozen, waited for: a signal takes effect a moment after it is sent."""
    for _ in range(100):
        if (_state(pid) == "T") == expected:
            return expected
        time.sleep(0.05)
    return not expected
