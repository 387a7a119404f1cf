"""CPU seconds and peak memory of a job's processes, from /proc."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.stack.processes import Process, kill

_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 0.2
_USER_TICKS, _SYSTEM_TICKS, _PARENT = 11, 12, 1


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a process has used until now."""

    cpu_seconds: float = 0.0
    peak_mebibytes: float = 0.0

    def since(self, before: Usage) -> Usage:
        """What was used since then; a peak has no beginning."""
        return Usage(self.cpu_seconds - before.cpu_seconds, self.peak_mebibytes)


def usage_of(pid: int) -> Usage:
    """Of a process, its threads included and its children not; nothing of one that is gone.

    A process that has ended but was not waited for tells of its CPU and no longer of its memory.
    """
    fields = _stat(pid)
    if fields is None:
        return Usage()
    ticks = int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])
    return Usage(ticks / _TICKS, _peak_mebibytes(pid))


def _stat(pid: int) -> list[str] | None:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        # The program's name stands in front, in brackets, and may hold anything.
        return text.rpartition(")")[2].split()
    return None


def _peak_mebibytes(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _program(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    return "?"


class Watched:
    """A process that was started here, its descendants, and servers that work for it.

    Args:
        job: named `python` in what is told; its descendants by their programs.
        servers: other processes by name, which ran before and go on.
    """

    def __init__(self, job: subprocess.Popen[bytes], servers: Mapping[str, int]) -> None:
        self._job = job
        self._servers = servers
        self._before = {name: usage_of(pid) for name, pid in servers.items()}
        self._process = Process.of(job.pid) or Process(job.pid, 0)
        self._seen: dict[Process, tuple[str, Usage]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample_on, daemon=True)
        self._thread.start()

    def _sample_on(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        for process in {*self._seen, self._process, *self._process.tree()}:
            is_job = process == self._process
            # The pid of one that has ended may be another's by now; the job's is not before it is
            # waited for.
            if not is_job and not process.is_alive():
                continue
            _, before = self._seen.get(process, ("", Usage()))
            now = usage_of(process.pid)
            peak = max(before.peak_mebibytes, now.peak_mebibytes)
            name = "python" if is_job else _program(process.pid)
            self._seen[process] = (name, Usage(now.cpu_seconds, peak))

    def is_running(self) -> bool:
        # Not waited for yet: a process that has ended still tells of its CPU.
        ended = os.waitid(os.P_PID, self._job.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        return ended is None

    def wait(self) -> int:
        """The exit code of a job that has ended. From then on `usage` is complete."""
        self._sample()
        self._ended.set()
        self._thread.join()
        return self._job.wait()

    def kill(self) -> None:
        """Ends the job and its descendants at once, unless they have ended."""
        self._ended.set()
        self._thread.join()
        kill({*self._seen, *self._process.tree()})

    def usage(self) -> dict[str, Usage]:
        """By process: `python` first, children of the same program as one, then the servers."""
        by_name: dict[str, Usage] = {}
        for name, one in self._seen.values():
            so_far = by_name.get(name, Usage())
            peak = so_far.peak_mebibytes + one.peak_mebibytes
            by_name[name] = Usage(so_far.cpu_seconds + one.cpu_seconds, peak)
        for name, pid in self._servers.items():
            by_name[name] = usage_of(pid).since(self._before[name])
        return by_name
