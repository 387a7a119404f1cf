"""A job as a user starts it: a process of its own, with its flags and its output."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 300
"""For a machine that is busy with much else: a start takes some seconds on a quiet one."""


class JobProcess:
    """A process that runs a pipeline.

    Args:
        arguments: of `python -m`: the pipeline's module and its flags.
        folder: for its output, also that of a process before it.
    """

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._log = folder / f"job-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env={**os.environ, "COLUMNS": "200", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # What it starts itself, such as a runner, is killed with it.
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait_until(self, reached: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Returns when `reached` is true; AssertionError if the job ends or time is up before."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert self.is_running, f"ended with {self._process.returncode}: {self.said[-6000:]}"
            assert time.monotonic() < deadline, f"not within {seconds} s: {self.said[-6000:]}"
            time.sleep(0.05)

    def wait_for_words(self, words: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Returns when it has printed them."""
        self.wait_until(lambda: words in self.said, seconds)

    def ended(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit code, when it has ended by itself."""
        return self._process.wait(seconds)

    def stop(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Asks it to end, as Ctrl-C and SIGTERM do; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(seconds)

    def kill(self) -> None:
        """As kill -9 does it, with all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
