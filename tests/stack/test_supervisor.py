"""Processes that are kept running come back, and none outlives who keeps them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack.part import Command, StackError
from tests.stack.processes import marked
from tests.stack.supervisor import Supervisor

SECONDS = 30
PARENT = "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); time.sleep(600)"


def within(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path, tmp_path, back_off_seconds=0.2)
    yield made
    made.close()
    assert not marked(tmp_path)


def test_a_killed_process_comes_back_and_what_it_had_started_does_not(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start("parent", Command((sys.executable, "-c", PARENT)))
    within(lambda: len(marked(tmp_path)) == 2)
    before = {process.pid for process in marked(tmp_path)}
    supervisor.kill("parent")
    assert not supervisor.is_running("parent")
    within(lambda: supervisor.starts("parent") == 2 and len(marked(tmp_path)) == 2)
    assert before.isdisjoint(process.pid for process in marked(tmp_path))


def test_a_process_that_ends_by_itself_is_started_again_each_time(supervisor: Supervisor) -> None:
    supervisor.start("short", Command(("sh", "-c", "echo started; exit 3")))
    within(lambda: supervisor.starts("short") >= 3)
    assert supervisor.log("short").read_text().count("started") >= 2


def test_a_process_that_was_removed_stays_away(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start("gone", Command(("sleep", "600")))
    supervisor.remove("gone")
    assert not marked(tmp_path)
    time.sleep(0.5)
    assert not marked(tmp_path)
    assert supervisor.names() == []


def test_a_kill_of_what_does_not_run_says_so(supervisor: Supervisor) -> None:
    supervisor.start("short", Command(("true",)))
    within(lambda: not supervisor.is_running("short"))
    with pytest.raises(StackError, match=r"^short is not running: .*short.log says why$"):
        for _ in range(100):
            supervisor.kill("short")
