"""A poll that goes on: until it is told to stop, and after it was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipelines.polled_shop import PolledShop

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 120.0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[PolledShop]:
    opened = PolledShop(tmp_path)
    yield opened
    opened.connection.close()


@pytest.fixture
def follow(shop: PolledShop) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        arguments = shop.arguments("--follow", "--interval=0.2")
        command = [sys.executable, "-m", "pipelines.audit_columns", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def _wait_for(shop: PolledShop, word: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            if any(row[2] == word for row in shop.changes()):
                return
        except Exception:  # noqa: S110 - the file is the pipeline's while it writes
            pass
        time.sleep(0.3)
    pytest.fail(f"{word!r} has not come to the log")


def test_a_poll_goes_on_until_it_is_told_to_stop_and_after_it_was_killed(
    shop: PolledShop, follow: Callable[[], subprocess.Popen[bytes]]
) -> None:
    shop.put(1, "first")
    process = follow()
    _wait_for(shop, "first")
    shop.put(2, "second")
    _wait_for(shop, "second")
    process.kill()
    process.wait()
    # The lease of a process that is gone holds nobody up.
    shop.put(1, "third")
    shop.delete(2)
    process = follow()
    _wait_for(shop, "third")
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_SECONDS) == 0
    assert shop.poll() == 0
    newest = {row[1]: row[:3] for row in sorted(shop.log(), key=lambda row: row[3])}
    assert newest == {1: ("u", 1, "third"), 2: ("d", 2, None)}
