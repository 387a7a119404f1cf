"""Runs the measured job as a person does, in a process of its own, on each of the runners."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.benchmarks.live_processes import Usage, Watched
from tests.stack.servers import BeamJava, Flink, Prism
from tests.stack.session import Session

RUNNERS = ("direct", "prism", "flink")
NEEDS = {"direct": (), "prism": ("prism",), "flink": ("flink", "beam_java")}

_POLL_SECONDS = 0.1
_STOP_SECONDS = 60.0
_LAST_LINES = 15


class JobFailed(RuntimeError):
    """A job that ended badly or does not get on; the message has the end of its output."""


@dataclasses.dataclass(frozen=True)
class Runner:
    """How the job is run.

    Args:
        flags: of the command line.
        servers: process ids of what works for the job beside its own processes.
        ends: whether the job ends where the topic does, and not by a signal.
    """

    name: str
    flags: tuple[str, ...]
    servers: dict[str, int]
    ends: bool


def runner(name: str, stack: Session) -> Runner:
    """A runner of RUNNERS, with the parts of the stack that it needs."""
    if name == "direct":
        return Runner(name, ("--runner=DirectRunner",), {}, ends=True)
    if name == "prism":
        binary = stack.server("prism", Prism).binary
        on_prism = ("--runner=PrismRunner", f"--prism_location={binary}", "--follow")
        return Runner(name, on_prism, {}, ends=False)
    flink, java = stack.server("flink", Flink), stack.server("beam_java", BeamJava)
    flags = (
        "--runner=PortableRunner",
        f"--job_endpoint={flink.job_endpoint}",
        f"--expansion_service={java.expansion_address}",
        "--java_batches",
        "--parallelism=1",
        "--follow",
    )
    pids = {"flink (java)": flink.pids()["flink"], "KafkaIO (java)": java.pids()["beam_java"]}
    return Runner(name, flags, pids, ends=False)


class Job:
    """A job under way. Stopped by SIGTERM, as a service is."""

    def __init__(self, command: Sequence[str], log: Path, servers: dict[str, int]) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        self._watched = Watched(self._process, servers)

    def until(self, done: Callable[[], bool], patience_seconds: float) -> None:
        """Waits until `done`. Raises JobFailed when the job has ended or time is up."""
        deadline = time.monotonic() + patience_seconds
        while not done():
            if not self._watched.is_running():
                message = f"the job has ended: {self._said()}"
                raise JobFailed(message)
            if time.monotonic() > deadline:
                message = f"the job was not done after {patience_seconds:.0f} s: {self._said()}"
                raise JobFailed(message)
            time.sleep(_POLL_SECONDS)

    def has_ended(self) -> bool:
        return not self._watched.is_running()

    def end(self, *, by_itself: bool, patience_seconds: float = _STOP_SECONDS) -> dict[str, Usage]:
        """Waits for the job's end, after a SIGTERM unless it ends by itself; what it has used.

        Raises JobFailed.
        """
        if not by_itself:
            self._process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + patience_seconds
        while self._watched.is_running():
            if time.monotonic() > deadline:
                message = f"the job has not ended after {patience_seconds:.0f} s: {self._said()}"
                raise JobFailed(message)
            time.sleep(_POLL_SECONDS)
        code = self._watched.wait()
        if code != 0:
            message = f"the job ended with code {code}: {self._said()}"
            raise JobFailed(message)
        return self._watched.usage()

    def kill(self) -> None:
        """Ends it, if it is still there, with what it has started."""
        self._watched.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)

    def _said(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(["", *lines[-_LAST_LINES:]])


@contextmanager
def started(runner: Runner, script: Path) -> Iterator[Job]:
    """The job of a script on a runner; nothing of it is left after the block."""
    folder = script.with_suffix("")
    command = (
        *(sys.executable, "-m", "pipelines.sql_job", f"--job={script}"),
        f"--output_dir={folder}",
        *runner.flags,
    )
    job = Job(command, script.with_suffix(".log"), runner.servers)
    try:
        yield job
    finally:
        job.kill()
