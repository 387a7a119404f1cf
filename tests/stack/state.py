"""What of a stack runs, kept in a file so that another process can see and stop it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.stack.home import locked
from tests.stack.part import Command, Endpoints, Plan
from tests.stack.processes import Process


@dataclasses.dataclass(frozen=True)
class Started:
    """A part that was started: by which plan, and as which processes now."""

    plan: Plan
    processes: Mapping[str, Process]

    @property
    def endpoints(self) -> Endpoints:
        return self.plan.endpoints

    def is_alive(self) -> bool:
        """Whether every process runs."""
        return self.plan.processes.keys() == self.processes.keys() and all(
            process.is_alive() for process in self.processes.values()
        )


@dataclasses.dataclass
class State:
    """The parts of one stack, and the process that it must not outlive, if there is one."""

    parts: dict[str, Started] = dataclasses.field(default_factory=dict)
    owner: Process | None = None


class StateFile:
    """A State in a file; threads and processes may read and change it at the same time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> State:
        """The state that was written last; an empty one when there is none."""
        try:
            return _decoded(json.loads(self._path.read_text()))
        except FileNotFoundError:
            return State()

    @contextlib.contextmanager
    def changed(self) -> Iterator[State]:
        """A state to change; it is written when the block ends without an error."""
        with locked(self._path.with_suffix(".lock")):
            state = self.read()
            yield state
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps(dataclasses.asdict(state), default=str, indent=1))
            # Readers see the old file or the new one, never half of it.
            new.replace(self._path)


def _decoded(data: Mapping[str, Any]) -> State:
    owner = data["owner"]
    parts = {name: _part(part) for name, part in data["parts"].items()}
    return State(parts, Process(**owner) if owner else None)


def _part(data: Mapping[str, Any]) -> Started:
    plan = data["plan"]
    commands = {
        name: Command(**{**command, "arguments": tuple(command["arguments"])})
        for name, command in plan["processes"].items()
    }
    folders = tuple(Path(folder) for folder in plan["folders"])
    processes = {name: Process(**process) for name, process in data["processes"].items()}
    return Started(Plan(plan["endpoints"], commands, folders), processes)
