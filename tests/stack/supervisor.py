"""Keeps processes running as a kubelet does: one that ended is started again a moment later."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from pathlib import Path

from tests.stack.part import Command, StackError
from tests.stack.processes import Process, kill, spawn

_POLL_SECONDS = 0.1


@dataclasses.dataclass
class _Kept:
    command: Command
    process: Process
    starts: int = 1
    ended_at: float | None = None


class Supervisor:
    """Processes by name, each with its log `NAME.log`; all of them end with `close`.

    Args:
        folder: where they run and write.
        mark: the folder of a stack: who takes that stack down ends them too.
        back_off_seconds: between an end and the next start.
    """

    def __init__(self, folder: Path, mark: Path, back_off_seconds: float = 1.0) -> None:
        self._folder = folder
        self._mark = mark
        self._back_off = back_off_seconds
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def start(self, name: str, command: Command) -> None:
        """Starts a process and keeps it running from now on."""
        with self._lock:
            self._kept[name] = _Kept(command, self._spawn(name, command))

    def kill(self, name: str) -> float:
        """Ends a process and all that it started by SIGKILL; it comes back by itself.

        Returns the time of the kill, in seconds of the epoch.
        """
        with self._lock:
            process = self._kept[name].process
            if not process.is_alive():
                message = f"{name} is not running: {self.log(name)} says why"
                raise StackError(message)
            at = time.time()
            kill(process.tree())
        return at

    def remove(self, name: str) -> None:
        """Ends a process for good."""
        with self._lock:
            kept = self._kept.pop(name)
            kill(kept.process.tree())

    def starts(self, name: str) -> int:
        """How often a process was started."""
        with self._lock:
            return self._kept[name].starts

    def is_running(self, name: str) -> bool:
        with self._lock:
            return self._kept[name].process.is_alive()

    def names(self) -> list[str]:
        with self._lock:
            return list(self._kept)

    def log(self, name: str) -> Path:
        """What a process writes, that of all its starts."""
        return self._folder / f"{name}.log"

    def close(self) -> None:
        """Ends all processes."""
        self._closed.set()
        self._thread.join()
        with self._lock:
            kill(member for kept in self._kept.values() for member in kept.process.tree())
            self._kept.clear()

    def _spawn(self, name: str, command: Command) -> Process:
        return spawn(command, self._folder, self.log(name), self._mark)

    def _watch(self) -> None:
        while not self._closed.wait(_POLL_SECONDS):
            with self._lock:
                for name, kept in self._kept.items():
                    self._keep(name, kept)

    def _keep(self, name: str, kept: _Kept) -> None:
        with contextlib.suppress(ChildProcessError):
            # One of our own children would stay as a zombie.
            os.waitpid(kept.process.pid, os.WNOHANG)
        if kept.process.is_alive():
            return
        if kept.ended_at is None:
            kept.ended_at = time.monotonic()
        elif time.monotonic() - kept.ended_at >= self._back_off:
            kept.process = self._spawn(name, kept.command)
            kept.starts += 1
            kept.ended_at = None
