"""What a part of the stack says of itself: what it needs, how it is installed, started and asked.

A part is described, never run, by its class: `install` brings files into a folder, `plan` chooses
ports, writes configuration and names the commands, `check` asks the running servers. Starting,
stopping, waiting, logs and state are the same for all parts and stand elsewhere (`stack.py`).
"""

from __future__ import annotations

import abc
import dataclasses
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

Endpoints = Mapping[str, str | int]
"""What clients of a part need to know: names to addresses, ports, paths. Kept as JSON."""


class StackError(Exception):
    """The stack cannot do what was asked; the message says what stands in the way."""


class Missing(StackError):
    """The machine lacks something that a part cannot bring itself, such as a Java."""


class NotReady(Exception):
    """A server does not answer as it should yet; it is asked again until time is up."""


@dataclasses.dataclass(frozen=True)
class Command:
    """One long-running process of a part, that stays in the foreground.

    Args:
        arguments: program and arguments.
        environment: variables set beside those of the caller.
        user: the system user to run as, when the caller is root.
        stop_signal: asks for an orderly end; SIGKILL follows when it isn't obeyed.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    user: str | None = None
    stop_signal: int = signal.SIGTERM


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a part is to run: its endpoints and its processes by name, in the order of their start.

    A part is stopped and started again by the same plan: ports and data folders stay the same.
    A part without processes (a program that others start) has endpoints only.

    Args:
        folders: outside of the part's own folder, removed with it when the part goes down.
    """

    endpoints: Endpoints
    processes: Mapping[str, Command] = dataclasses.field(default_factory=dict)
    folders: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class Context:
    """What a part may use to make its plan.

    Args:
        installed: the folder that `install` filled.
        folder: an empty folder for data and configuration of this run.
        endpoints: of every part named in `needs`, which all answer already.
        installed_of: the installed folder of another part named in `needs`.
        free_port: a port of 127.0.0.1 that nothing listens on and no other call has given.
    """

    installed: Path
    folder: Path
    endpoints: Mapping[str, Endpoints]
    installed_of: Callable[[str], Path]
    free_port: Callable[[], int]


class Part(abc.ABC):
    """One part of the stack; it has no state of its own and is made once."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    """Parts that run before this one."""

    recipe: ClassVar[str]
    """What is installed, in exact versions; a folder installed by another recipe is replaced."""

    timeout_seconds: ClassVar[float] = 60
    """How long `check` may say NotReady after the start."""

    def require(self) -> None:
        """Raises Missing when the machine cannot install or run the part, and says what to do."""
        return

    @abc.abstractmethod
    def install(self, folder: Path) -> None:
        """Fills the empty folder; an exception leaves it to be removed and filled again."""

    @abc.abstractmethod
    def plan(self, context: Context) -> Plan:
        """Writes what the processes read and says how they run; starts nothing that stays."""

    @abc.abstractmethod
    def check(self, endpoints: Endpoints) -> None:
        """Returns when the part answers a real request, else raises NotReady saying why not."""
