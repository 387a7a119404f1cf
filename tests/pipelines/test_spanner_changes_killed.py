"""A follower of a change stream that is killed while partitions split and merge.

The order in which events of a key are written is tested elsewhere, on streams in memory: the
emulator writes all changes to one partition at a time, and the next one need not be its child.
"""

from __future__ import annotations

import itertools
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipelines.spanner_runs import (
    begun,
    flags,
    logged,
    ran,
    rebuilt,
)
from tests.stack.spanner_databases import SpannerDatabase

# Processes are started anew, and partitions live for seconds.
pytestmark = pytest.mark.slow

KEYS = 5
_PATIENCE_SECONDS = 300.0


def follower(database: SpannerDatabase, tmp_path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pipelines.spanner_changes"]
    arguments = flags(database, tmp_path, "--follow", "--heartbeat=1")
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def until(true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        assert process.poll() is None, process.stdout and process.stdout.read().decode()
        assert time.monotonic() < ends
        time.sleep(0.2)


def commits(tmp_path: Path) -> int:
    """How often the state was stored."""
    connection = sqlite3.connect(tmp_path / "state.db")
    try:
        return int(connection.execute("SELECT commits FROM spanner_streams").fetchone()[0])
    finally:
        connection.close()


def test_a_killed_follower_loses_nothing_and_the_log_makes_the_table_again(
    spanner_database: SpannerDatabase, tmp_path: Path
) -> None:
    spanner_database.ddl("CREATE TABLE T (Id INT64 NOT NULL, N INT64) PRIMARY KEY (Id)")
    begun(spanner_database, tmp_path)
    numbers = itertools.count()

    def write() -> None:
        number = next(numbers)
        if number % 7 == 6:
            spanner_database.delete("T", [number % KEYS])
        else:
            spanner_database.upsert("T", ["Id", "N"], [[number % KEYS, number]])

    # Partitions of the emulator's streams live for some seconds here.
    for _ in range(2):
        process = follower(spanner_database, tmp_path)
        stored = commits(tmp_path)

        def is_going(stored: int = stored) -> bool:
            write()
            return commits(tmp_path) >= stored + 5

        until(is_going, process)
        process.kill()
        process.wait()
        write()
    process = follower(spanner_database, tmp_path)
    stored = commits(tmp_path)
    until(lambda: commits(tmp_path) > stored, process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=_PATIENCE_SECONDS)
    assert process.returncode == 0, output.decode()
    ran(spanner_database, tmp_path)
    log = logged(tmp_path, "T")
    table = {f'["{key}"]': n for key, n in spanner_database.query("SELECT Id, N FROM T")}
    assert {key: row["N"] for key, row in rebuilt(log).items()} == table
    written = {row["after"]["N"] for row in log if row["after"] is not None}
    assert written == {number for number in range(next(numbers)) if number % 7 != 6}


def test_a_follower_writes_what_comes_and_ends_well_when_it_is_told_to(
    spanner_database: SpannerDatabase, tmp_path: Path
) -> None:
    spanner_database.ddl("CREATE TABLE T (Id INT64 NOT NULL, N INT64) PRIMARY KEY (Id)")
    begun(spanner_database, tmp_path)
    process = follower(spanner_database, tmp_path)
    stored = commits(tmp_path)
    until(lambda: commits(tmp_path) > stored, process)
    for number in range(3):
        before = commits(tmp_path)
        spanner_database.insert("T", ["Id", "N"], [[number, number]])
        until(lambda before=before: commits(tmp_path) > before, process)  # type: ignore[misc]
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=_PATIENCE_SECONDS)
    assert process.returncode == 0, output.decode()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["changes"] == 3
    assert [row["after"]["N"] for row in logged(tmp_path, "T")] == [0, 1, 2]
