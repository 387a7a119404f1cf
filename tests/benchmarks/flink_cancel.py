"""Ends the jobs of a Flink that is inside of Beam's job server.

The job server does not pass a cancellation on: a job whose Python is gone reads on, takes
checkpoints, and costs the next measured job CPU and memory.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

_LISTENS = "0A"
_SECONDS = 10.0
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
    with httpx.Client(timeout=_SECONDS) as client:
        for port in listening_ports(pid):
            address = f"http://127.0.0.1:{port}/jobs"
            # Other ports speak gRPC, and a server ends with its job.
            with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                for job in client.get(f"{address}/overview").json()["jobs"]:
                    client.patch(f"{address}/{job['jid']}", params={"mode": "cancel"})
                    cancelled += 1
    return cancelled


def end_jobs(pid: int) -> None:
    """Returns when the Flink has no job. Raises TimeoutError."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while cancel_jobs(pid):
        if time.monotonic() > deadline:
            message = f"jobs of Flink (process {pid}) still run after {_PATIENCE_SECONDS:.0f} s"
            raise TimeoutError(message)
        time.sleep(0.5)
