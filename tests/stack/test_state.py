"""The state of a stack survives being written, also by several at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.stack.part import Command, Plan
from tests.stack.processes import Process
from tests.stack.state import Started, State, StateFile


def test_what_was_written_is_read(tmp_path: Path) -> None:
    command = Command(("java", "-jar"), {"HOME": "/nowhere"}, user="postgres", stop_signal=2)
    plan = Plan({"address": "127.0.0.1:1", "port": 1}, {"main": command}, (tmp_path / "data",))
    started = Started(plan, {"main": Process(1, 2)})
    with StateFile(tmp_path / "state.json").changed() as state:
        state.parts["part"] = started
        state.owner = Process(3, 4)
    read = StateFile(tmp_path / "state.json").read()
    assert read == State({"part": started}, Process(3, 4))


def test_a_change_that_fails_is_not_written(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    with pytest.raises(KeyError), file.changed() as state:
        state.owner = Process(3, 4)
        raise KeyError
    assert file.read() == State()


def test_changes_at_a_time_are_all_kept(tmp_path: Path) -> None:
    def add(name: str) -> None:
        with StateFile(tmp_path / "state.json").changed() as state:
            state.parts[name] = Started(Plan({}), {})

    names = [f"part-{number}" for number in range(20)]
    threads = [threading.Thread(target=add, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(StateFile(tmp_path / "state.json").read().parts) == sorted(names)
