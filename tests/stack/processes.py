"""Processes that outlive the command that started them, told apart by pid and start time.

A pid alone is no identity: the system gives it again. Linux keeps the start of each process in
clock ticks since boot, and both together name one process for good.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.stack.part import Command

MARK = "KAMIFLOW_STACK_RUN"
"""Environment variable of everything that a stack starts, and of what those start: its folder."""

_PROC = Path("/proc")
_POLL_SECONDS = 0.05
# A process that waits for a disk dies when that answers; there is nothing to do about it here.
_DEATH_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Process:
    """One process of one boot of the machine."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has the pid now; None when there is none, or only its zombie."""
        fields = _stat(pid)
        return cls(pid, int(fields[19])) if fields and fields[0] not in "ZX" else None

    def is_alive(self) -> bool:
        return Process.of(self.pid) == self

    def tree(self) -> list[Process]:
        """The process and all its descendants, itself first; empty when it has ended."""
        if not self.is_alive():
            return []
        children: dict[int, list[int]] = {}
        for pid in _pids():
            if fields := _stat(pid):
                children.setdefault(int(fields[1]), []).append(pid)
        found = [self.pid]
        for pid in found:
            found += children.get(pid, [])
        return [process for pid in found if (process := Process.of(pid))]

    def signal(self, number: int) -> None:
        """Sends the signal to this process alone, unless it has ended."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def spawn(command: Command, folder: Path, log: Path, mark: Path) -> Process:
    """Starts the command at the head of a session and process group of its own."""
    environment = {**os.environ, **command.environment, MARK: str(mark)}
    arguments = command.arguments
    if command.user:
        # Popen's own `user` forks this process with the threads of its clients, gRPC's among them.
        to_user = (f"--reuid={command.user}", f"--regid={command.user}", "--clear-groups")
        arguments = ("setpriv", *to_user, "--", *arguments)
    with log.open("ab") as output:
        started = subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Its end is seen in /proc, and nobody waits for this object: no warning about that.
    started.returncode = 0
    return Process.of(started.pid) or Process(started.pid, 0)


def stop(processes: Iterable[tuple[Process, int]], patience_seconds: float = 10) -> None:
    """Ends processes, each with its signal, then with SIGKILL; their groups end with them."""
    asked = [(process, number, process.tree()) for process, number in processes]
    for process, number, tree in asked:
        process.signal(number)
        for member in tree:
            # A stopped process (SIGSTOP) would not hear the other signals.
            member.signal(signal.SIGCONT)
    deadline = time.monotonic() + patience_seconds
    leaders = [process for process, _, _ in asked]
    while any(map(_is_there, leaders)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    kill(member for _, _, tree in asked for member in tree)


def kill(processes: Iterable[Process]) -> None:
    """Ends the processes with SIGKILL and returns when they have ended."""
    killed = list(processes)
    for process in killed:
        process.signal(signal.SIGKILL)
    deadline = time.monotonic() + _DEATH_SECONDS
    while any(map(_is_there, killed)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def marked(mark: Path) -> list[Process]:
    """All processes of this machine that a stack started, directly or through others."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if wanted in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                found.append(pid)
    return [process for pid in found if pid != os.getpid() and (process := Process.of(pid))]


def _is_there(process: Process) -> bool:
    with contextlib.suppress(ChildProcessError):
        # One of our own children would stay as a zombie.
        os.waitpid(process.pid, os.WNOHANG)
    return process.is_alive()


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _stat(pid: int) -> list[str] | None:
    """State, parent's pid, and what follows in /proc/PID/stat; None when there is no process."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name of the program stands in front, in brackets, and may hold anything.
    return text.rpartition(")")[2].split()
