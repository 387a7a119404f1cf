"""The parts that one process uses: those of a stack started by hand, and else its own."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tests.stack import watchdog
from tests.stack.home import home
from tests.stack.parts import PARTS, with_needs
from tests.stack.processes import Process
from tests.stack.servers import Server
from tests.stack.stack import Stack, silent, sweep

_Server = TypeVar("_Server", bound=Server)

# Logs tell of failures of the latest sessions; nobody reads those of a week ago.
_KEPT_LOGS = 5


class Session:
    """Parts started at their first use, each once, and ended by `close` or with this process.

    What a stack started by hand runs is used as it is and left running.
    """

    def __init__(self, say: Callable[[str], None] = silent) -> None:
        # Without /proc there is no start time, and no part will start.
        self._owner = Process.of(os.getpid()) or Process(os.getpid(), 0)
        self._stack = Stack(f"session-{self._owner.pid}", owner=self._owner, base=Stack(), say=say)
        self._lock = threading.Lock()
        self._watched = False
        self._starts: dict[str, concurrent.futures.Future[None]] = {}
        self._servers: dict[str, Server] = {}
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=len(PARTS))

    def server(self, name: str, kind: type[_Server]) -> _Server:
        """The part, started with what it needs unless it runs; StackError says why it cannot."""
        self.begin([name])
        self._starts[name].result()
        server = self._servers.setdefault(name, kind(self._stack.where(name), name))
        if not isinstance(server, kind):
            message = f"{name!r} was asked for as {kind.__name__}, it is {type(server).__name__}"
            raise TypeError(message)
        return server

    def begin(self, names: Iterable[str]) -> None:
        """Starts parts with what they need and does not wait for them."""
        with self._lock:
            for part in with_needs(names):
                if part.name not in self._starts:
                    needs = [self._starts[need] for need in part.needs]
                    start = self._pool.submit(self._start, part.name, needs)
                    self._starts[part.name] = start

    def _start(self, name: str, needs: list[concurrent.futures.Future[None]]) -> None:
        for need in needs:
            need.result()
        if self._stack.where(name) is self._stack:
            self._watch()
            self._stack.up([name])

    def _watch(self) -> None:
        with self._lock:
            if not self._watched:
                self._watched = True
                _tidy(self._stack)
                watchdog.start(self._owner, self._stack.name)

    def repair(self) -> None:
        """Brings back what was stopped, killed or paused."""
        for server in self._servers.values():
            server.repair()

    def close(self) -> None:
        """Ends all that was started here."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._watched:
            self._stack.abandon()
            self._stack.down()
        self._pool.shutdown(wait=True)
        if self._watched and self._stack.folder.exists():
            # A start that was under way has gone on for a moment.
            self._stack.down()


@contextlib.contextmanager
def session(say: Callable[[str], None] = silent) -> Iterator[Session]:
    """A session that is closed at the end of the block."""
    opened = Session(say)
    try:
        yield opened
    finally:
        opened.close()


def _tidy(stack: Stack) -> None:
    """Removes what earlier sessions left: servers without their process, and old logs."""
    sweep()
    # A process of an earlier day may have had this process id.
    for leftover in (stack.folder, stack.logs):
        shutil.rmtree(leftover, ignore_errors=True)
    logs = (home() / "run" / "logs").glob("session-*")
    newest = sorted(logs, key=lambda path: path.stat().st_mtime, reverse=True)
    for old in newest[_KEPT_LOGS:]:
        shutil.rmtree(old, ignore_errors=True)
