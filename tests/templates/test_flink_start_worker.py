"""templates/flink/start-worker.sh: a worker that never worked is started again, others are not."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "templates" / "flink" / "start-worker.sh"
PATIENCE_SECONDS = 30


def boot(folder: Path, text: str) -> Path:
    """A program in the place of Beam's boot, which counts its starts."""
    program = folder / "boot"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/starts\n{text}\n', encoding="utf-8")
    program.chmod(0o755)
    return program


def starts(folder: Path) -> list[str]:
    return (folder / "starts").read_text(encoding="utf-8").splitlines()


def started(program: Path, connected: int = 300) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "KAMIFLOW_BOOT": str(program),
        "KAMIFLOW_BOOT_PAUSE": "0",
        "KAMIFLOW_BOOT_CONNECTED": str(connected),
    }
    return subprocess.Popen(
        [str(SCRIPT), "--id=1-1", "--control_endpoint=localhost:1"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_boot_that_fails_at_first_is_started_again_with_the_same_arguments(
    tmp_path: Path,
) -> None:
    program = boot(tmp_path, f"[ $(wc -l < {tmp_path}/starts) -ge 3 ] || exit 7")
    worker = started(program)
    _, told = worker.communicate(timeout=PATIENCE_SECONDS)
    assert worker.returncode == 0
    assert starts(tmp_path) == ["--id=1-1 --control_endpoint=localhost:1"] * 3
    assert b"ended with 7" in told and b"try 2 of 5" in told


def test_a_boot_that_always_fails_is_given_up_with_its_code(tmp_path: Path) -> None:
    worker = started(boot(tmp_path, "exit 7"))
    worker.communicate(timeout=PATIENCE_SECONDS)
    assert (worker.returncode, len(starts(tmp_path))) == (7, 5)


def test_a_worker_that_was_connected_is_not_started_again(tmp_path: Path) -> None:
    worker = started(boot(tmp_path, "exit 7"), connected=0)
    worker.communicate(timeout=PATIENCE_SECONDS)
    assert (worker.returncode, len(starts(tmp_path))) == (7, 1)


def test_what_a_worker_prints_does_not_fill_the_pipe_that_nobody_reads(tmp_path: Path) -> None:
    worker = started(boot(tmp_path, "echo printed"))
    out, told = worker.communicate(timeout=PATIENCE_SECONDS)
    assert (out, b"printed" in told) == (b"", True)


def test_the_pool_ends_the_worker_by_ending_the_script(tmp_path: Path) -> None:
    worker = started(boot(tmp_path, f"echo $$ > {tmp_path}/pid\nexec sleep 60"))
    pid = tmp_path / "pid"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (pid.exists() and pid.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=PATIENCE_SECONDS)
    assert worker.returncode == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
