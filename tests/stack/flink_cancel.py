"""Ends the jobs of a Flink that is inside of Beam's job server.

The job server does not pass a cancellation on: a job whose Python is gone reads on, takes
checkpoints, and costs the next measured job CPU and memory.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from tests.stack.flink_rest import FlinkRest, NoAnswer

_LISTENS = "0A"
_PATIENCE_SECONDS = 60.0


def listening_ports(pid: int) -> Iterator[int]:
    """The TCP ports on which a process of this machine listens."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            sockets.add(str(entry.readlink()))
    for kind in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and f"socket:[{fields[9]}]" in sockets:
                yield int(fields[1].rpartition(":")[2], 16)


def cancel_jobs(pid: int) -> int:
    """Cancels all jobs that the Flink runs, each of which has a REST server; their number."""
    cancelled = 0
    for port in listening_ports(pid):
        # Other ports speak gRPC, and a server ends with its job.
        with contextlib.suppress(NoAnswer):
            cancelled += FlinkRest(port).cancel()
    return cancelled


def end_jobs(pid: int) -> None:
    """Returns when the Flink has no job. Raises TimeoutError."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while cancel_jobs(pid):
        if time.monotonic() > deadline:
            message = f"jobs of Flink (process {pid}) still run after {_PATIENCE_SECONDS:.0f} s"
            raise TimeoutError(message)
        time.sleep(0.5)
