"""A client that nobody uses any more ends by its `close`; the garbage collector ends the process.

The library aborts where a client is destroyed in a thread of its own, and Python collects garbage
in whatever thread allocates: one that hands over the answer to a question is such a thread.
"""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.io.collected_clients import WAYS


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("end", "code"), [("closed", 0), ("left", -signal.SIGABRT)])
def test_what_was_closed_is_collected_in_any_thread(way: str, end: str, code: int) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.io.collected_clients", way, end],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == code, run.stderr
    assert ("calling rd_kafka_destroy()" in run.stderr) is (end == "left")
