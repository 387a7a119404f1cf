"""Starts, watches and stops parts: one stack is a folder with the state of what runs."""

from __future__ import annotations

import concurrent.futures
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.stack.command import last_lines
from tests.stack.home import home, locked
from tests.stack.installing import folder_of, install_all, remove
from tests.stack.part import Context, Endpoints, Missing, NotReady, Part, Plan, StackError
from tests.stack.parts import PARTS, with_needs
from tests.stack.ports import free_port
from tests.stack.processes import Process, kill, marked, spawn, stop
from tests.stack.state import Started, State, StateFile

_CHECK_SECONDS = 0.1
# The data go at the end, so nobody waits for servers to put them in order.
_CLOSE_SECONDS = 3


def silent(message: str) -> None:
    """Says nothing."""


class Stack:
    """Parts that run together, on ports and in folders of their own.

    Args:
        name: of its folder below `run`.
        owner: the process that the parts must not outlive.
        base: a stack whose running parts are used, and never started here again.
    """

    def __init__(
        self,
        name: str = "stack",
        *,
        owner: Process | None = None,
        base: Stack | None = None,
        say: Callable[[str], None] = silent,
    ) -> None:
        self.name = name
        self.folder = home() / "run" / name
        self.logs = home() / "run" / "logs" / name
        self._file = StateFile(self.folder / "state.json")
        self._owner = owner
        self._base = base
        self._say = say
        self._abandoned = threading.Event()

    def state(self) -> State:
        """What was started here and not taken down."""
        return self._file.read()

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Keeps other processes from starting or stopping parts here at the same time."""
        return locked(home() / "run" / f"{self.name}.lock")

    def abandon(self) -> None:
        """Lets every start that is under way end with an error, soon."""
        self._abandoned.set()

    def up(self, names: Iterable[str] = ()) -> None:
        """Installs and starts the parts with all that they need, as many as can be at a time.

        What runs already stays as it is; what was started and has ended is started again, on its
        ports and with its data. StackError tells of every part that did not come up.
        """
        if not Path("/proc/self/stat").exists():
            message = "the stack runs on Linux: it tells its processes apart by /proc"
            raise Missing(message)
        parts = [part for part in with_needs(names) if self.where(part.name) is self]
        install_all(parts, self._say)
        with concurrent.futures.ThreadPoolExecutor(max_workers=len(parts) or 1) as pool:
            futures: dict[str, concurrent.futures.Future[None]] = {}
            for part in parts:
                needs = [futures[need] for need in part.needs if need in futures]
                futures[part.name] = pool.submit(self._bring_up, part, needs)
        errors = [error for future in futures.values() if (error := future.exception())]
        for error in errors:
            if not isinstance(error, StackError):
                raise error
        if errors:
            raise StackError("\n".join(dict.fromkeys(str(error) for error in errors)))

    def where(self, name: str) -> Stack:
        """The stack that runs the part, or would: the base if the part is there."""
        return self._base if self._base and self._base.has(name) else self

    def has(self, name: str) -> bool:
        """Whether the part runs here."""
        started = self.state().parts.get(name)
        return started is not None and started.is_alive()

    def endpoints(self, name: str) -> Endpoints:
        """Of a part that is up."""
        return self.where(name).state().parts[name].endpoints

    def _bring_up(self, part: Part, needs: list[concurrent.futures.Future[None]]) -> None:
        for need in needs:
            need.result()
        started = self.state().parts.get(part.name)
        if started is None:
            plan = self._planned(part)
        elif not started.is_alive():
            plan = started.plan
        else:
            return
        since = time.monotonic()
        try:
            self._run(part, plan)
        except BaseException:
            if started is None:
                self._forget([part.name])
            raise
        self._say(f"{part.name}: up in {time.monotonic() - since:.1f} s  {_shown(plan.endpoints)}")

    def _planned(self, part: Part) -> Plan:
        folder = self.folder / part.name
        # What a start that was interrupted has left.
        remove(folder)
        folder.mkdir(parents=True)
        return part.plan(
            Context(
                installed=folder_of(part.name),
                folder=folder,
                endpoints={need: self.endpoints(need) for need in part.needs},
                installed_of=folder_of,
                free_port=free_port,
            )
        )

    def _run(self, part: Part, plan: Plan) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        processes: dict[str, Process] = {}
        for name, command in plan.processes.items():
            log = self.log(name)
            processes[name] = spawn(command, self.folder / part.name, log, mark=self.folder)
            with self._file.changed() as state:
                state.owner = self._owner
                state.parts[part.name] = Started(plan, processes)
        if not plan.processes:
            with self._file.changed() as state:
                state.parts[part.name] = Started(plan, {})
        self._wait(part, Started(plan, processes))

    def _wait(self, part: Part, started: Started) -> None:
        deadline = time.monotonic() + part.timeout_seconds
        while True:
            if self._abandoned.is_set():
                message = f"{part.name} was stopped while it was starting"
                raise StackError(message)
            if not started.is_alive():
                raise StackError(self._told(part, started, "ended instead of answering"))
            try:
                part.check(started.endpoints)
            except NotReady as error:
                reason = str(error)
            else:
                return
            if time.monotonic() > deadline:
                problem = f"does not answer after {part.timeout_seconds:.0f} s: {reason}"
                raise StackError(self._told(part, started, problem))
            time.sleep(_CHECK_SECONDS)

    def _told(self, part: Part, started: Started, problem: str) -> str:
        logs = [self.log(name) for name in started.plan.processes]
        ends = [
            f"  the end of {log}:\n{last_lines(log.read_text(errors='replace'))}" for log in logs
        ]
        return "\n".join([f"{part.name} {problem}", *ends])

    def log(self, process: str) -> Path:
        """Where the process writes what it says."""
        return self.logs / f"{process}.log"

    def start(self, name: str) -> None:
        """Starts a part again, on its ports and with its data; returns when it answers."""
        started = self.state().parts[name]
        if not started.is_alive():
            stop(self._stops(started))
            self._run(PARTS[name], started.plan)

    def stop(self, name: str) -> None:
        """Stops a part in good order and keeps its data: `start` goes on with them."""
        stop(self._stops(self.state().parts[name]))

    def signal(self, name: str, number: int) -> None:
        """Sends the signal to the processes of a part and to all their descendants."""
        members = [member for root in self._roots(name) for member in root.tree()]
        for member in members:
            member.signal(number)
        if number == signal.SIGKILL:
            kill(members)

    def _roots(self, name: str) -> list[Process]:
        return list(self.state().parts[name].processes.values())

    def _stops(self, started: Started) -> list[tuple[Process, int]]:
        commands = started.plan.processes
        return [
            (process, commands[name].stop_signal) for name, process in started.processes.items()
        ]

    def down(self, names: Iterable[str] = ()) -> list[str]:
        """Stops the parts, and those that need them; all for no name. Gives what was stopped.

        Their data go, their logs stay.
        """
        wanted = list(names)
        with_needs(wanted)
        there = self.state().parts
        chosen = [name for name in there if not wanted or _needs_any(name, wanted)]
        self._forget(chosen)
        if not self.state().parts:
            # Whatever a part has started by itself, or was started when its starter was killed.
            kill(marked(self.folder))
            remove(self.folder)
        return chosen

    def _forget(self, names: list[str]) -> None:
        there = self.state().parts
        gone = [there[name] for name in names if name in there]
        stop((pair for started in gone for pair in self._stops(started)), _CLOSE_SECONDS)
        for started in gone:
            for folder in started.plan.folders:
                remove(folder)
        for name in names:
            remove(self.folder / name)
        if gone:
            with self._file.changed() as state:
                for name in names:
                    state.parts.pop(name, None)


def _needs_any(name: str, wanted: list[str]) -> bool:
    return any(part.name in wanted for part in with_needs([name]))


def _shown(endpoints: Endpoints) -> str:
    return " ".join(f"{key}={value}" for key, value in endpoints.items() if "password" not in key)


def sessions() -> Mapping[str, Stack]:
    """The stacks of test sessions that are there, by name."""
    folders = sorted((home() / "run").glob("session-*/"))
    return {folder.name: Stack(folder.name) for folder in folders}


def sweep() -> list[str]:
    """Takes down the stacks of sessions whose process has ended; gives their names."""
    swept = []
    for name, stack in sessions().items():
        owner = stack.state().owner
        if owner and not owner.is_alive():
            stack.down()
            swept.append(name)
    return swept
