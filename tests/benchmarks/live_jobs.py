"""Runs the measured job as a person does, in a process of its own, on each of the runners."""

from __future__ import annotations

import abc
import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.benchmarks.live_processes import Usage, Watched
from tests.stack.flink_cancel import end_jobs
from tests.stack.servers import BeamJava, Flink, Prism
from tests.stack.session import Session

RUNNERS = ("direct", "prism", "flink")
NEEDS = {"direct": (), "prism": ("prism",), "flink": ("flink", "beam_java")}

FLINK = "flink (java)"
STOP_SECONDS = 60.0
_POLL_SECONDS = 0.1
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
        module: what runs the script; it takes the flags of `pipelines.sql_job`.
    """

    name: str
    flags: tuple[str, ...]
    servers: dict[str, int]
    ends: bool
    module: str = "pipelines.sql_job"


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
    pids = {FLINK: flink.pids()["flink"], "KafkaIO (java)": java.pids()["beam_java"]}
    return Runner(name, flags, pids, ends=False)


class RunningJob(abc.ABC):
    """A job under way."""

    def until(self, done: Callable[[], bool], patience_seconds: float) -> None:
        """Waits until `done`. Raises JobFailed when the job has ended or time is up."""
        deadline = time.monotonic() + patience_seconds
        while not done():
            if self.has_ended():
                message = f"the job has ended: {self.said()}"
                raise JobFailed(message)
            if time.monotonic() > deadline:
                message = f"the job was not done after {patience_seconds:.0f} s: {self.said()}"
                raise JobFailed(message)
            time.sleep(_POLL_SECONDS)

    @abc.abstractmethod
    def has_ended(self) -> bool: ...

    @abc.abstractmethod
    def said(self) -> str:
        """The end of its output."""

    @abc.abstractmethod
    def end(self, *, by_itself: bool, patience_seconds: float = STOP_SECONDS) -> dict[str, Usage]:
        """Waits for the job's end, after stopping it unless it ends by itself; what it has used.

        Raises JobFailed.
        """

    @abc.abstractmethod
    def kill(self) -> None:
        """Ends it, if it is still there, with what it has started."""


class Job(RunningJob):
    """A job in a process of its own. Stopped by SIGTERM, as a service is."""

    def __init__(self, command: Sequence[str], log: Path, servers: dict[str, int]) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        self._watched = Watched(self._process, servers)

    def has_ended(self) -> bool:
        return not self._watched.is_running()

    def end(self, *, by_itself: bool, patience_seconds: float = STOP_SECONDS) -> dict[str, Usage]:
        if not by_itself:
            self._process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + patience_seconds
        while self._watched.is_running():
            if time.monotonic() > deadline:
                message = f"the job has not ended after {patience_seconds:.0f} s: {self.said()}"
                raise JobFailed(message)
            time.sleep(_POLL_SECONDS)
        code = self._watched.wait()
        if code != 0:
            message = f"the job ended with code {code}: {self.said()}"
            raise JobFailed(message)
        return self._watched.usage()

    def kill(self) -> None:
        self._watched.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)

    def said(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(["", *lines[-_LAST_LINES:]])


@contextmanager
def started(runner: Runner, script: Path) -> Iterator[Job]:
    """The job of a script on a runner; nothing of it is left after the block."""
    folder = script.with_suffix("")
    command = (
        *(sys.executable, "-m", runner.module, f"--job={script}"),
        f"--output_dir={folder}",
        *runner.flags,
    )
    job = Job(command, script.with_suffix(".log"), runner.servers)
    try:
        yield job
    finally:
        job.kill()
        if FLINK in runner.servers:
            end_jobs(runner.servers[FLINK])
