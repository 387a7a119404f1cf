"""Processes are known by pid and start time, and end with all that they started."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack.part import Command
from tests.stack.processes import Process, kill, marked, spawn, stop

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(60)"
PARENT = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-u", "-c", {STUBBORN!r}], start_new_session=True)
time.sleep(60)
"""

Start = Callable[[str], Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts Python programs, and waits until they have written something."""
    log = tmp_path / "log"

    def started(source: str) -> Process:
        command = Command((sys.executable, "-u", "-c", source))
        process = spawn(command, tmp_path, log, mark=tmp_path)
        _until(lambda: log.stat().st_size > 0)
        return process

    yield started
    kill(marked(tmp_path))


def test_another_process_with_the_pid_is_not_the_same() -> None:
    me = Process.of(os.getpid())
    assert me is not None
    assert me.is_alive()
    earlier = dataclasses.replace(me, started=me.started - 1)
    assert not earlier.is_alive()
    # Would end this process.
    earlier.signal(signal.SIGKILL)
    assert earlier.tree() == []


def test_a_zombie_does_not_run() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        _until(lambda: Process.of(child.pid) is None)


def test_stop_ends_what_ignores_its_signal(start: Start) -> None:
    process = start(STUBBORN)
    stop([(process, signal.SIGTERM)], patience_seconds=0.2)
    assert not process.is_alive()


def test_stop_ends_what_is_frozen(start: Start) -> None:
    process = start("import time; print('up'); time.sleep(60)")
    process.signal(signal.SIGSTOP)
    stop([(process, signal.SIGTERM)])
    assert not process.is_alive()


def test_stop_ends_descendants_of_other_sessions(start: Start) -> None:
    process = start(PARENT)
    tree = process.tree()
    assert len(tree) == 2
    stop([(process, signal.SIGTERM)], patience_seconds=0.2)
    assert not any(member.is_alive() for member in tree)


def test_orphans_are_found_by_their_mark(start: Start, tmp_path: Path) -> None:
    process = start(PARENT)
    _, child = process.tree()
    process.signal(signal.SIGKILL)
    _until(lambda: not process.is_alive())
    assert marked(tmp_path) == [child]
    assert marked(tmp_path / "other") == []


def test_a_command_runs_with_its_variables_beside_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "1")
    log = tmp_path / "log"
    source = "import os; print(os.environ['OURS'] + os.environ['ITS'], os.getcwd())"
    process = spawn(Command((sys.executable, "-c", source), {"ITS": "2"}), tmp_path, log, tmp_path)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, 0)
    assert log.read_text() == f"12 {tmp_path}\n"


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
