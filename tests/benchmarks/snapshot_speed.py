"""Rows a second and core of a snapshot from PostgreSQL on narrow rows, and its memory.

    python -m tests.benchmarks.snapshot_speed [--rows=300000]

Takes a snapshot of `rows` and of ten times as many, each in a process of its own, into a DuckDB
file. Starting up is in both: the speed is that of the rows between them. The server's CPU time is
not in it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.view_speed_ask import peak_megabytes
from tests.stack.databases import fresh_postgres_database
from tests.stack.servers import Postgres
from tests.stack.session import session

FACTOR = 10
_COLUMNS = "id bigint PRIMARY KEY, name text NOT NULL, amount numeric(10,2), changed_at timestamptz"
_ROWS = (
    "SELECT i, 'name ' || i, i % 100000 / 100.0, '2026-01-01'::timestamptz + i * interval '1 s' "
    "FROM generate_series(1, {count}) AS i"
)


def measured(source: str, table: str, readers: int) -> dict[str, float]:
    """CPU and wall seconds and the peak of memory (MB) of one snapshot, in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        flags = [
            "--source_name=bench",
            f"--source={source}",
            f"--tables={table}",
            f"--warehouse=duckdb:{Path(folder) / 'warehouse.duckdb'}",
            f"--readers={readers}",
        ]
        run = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.snapshot_speed", "--take", *flags],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    figures: dict[str, float] = json.loads(run.stdout)
    return figures


def take(flags: list[str]) -> None:
    """Takes a snapshot in this process, and prints what it used."""
    from pipelines import snapshot

    started = time.perf_counter()
    if snapshot.main(flags) != 0:
        sys.exit(1)
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "cpu": used.ru_utime + used.ru_stime,
        "wall": time.perf_counter() - started,
        "megabytes": peak_megabytes(),
    }
    sys.stdout.write(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--readers", type=int, default=1)
    arguments = parser.parse_args()
    sizes = {"small": arguments.rows, "large": arguments.rows * FACTOR}
    found = {}
    with session() as opened, fresh_postgres_database(opened.server("postgres", Postgres)) as made:
        for table, count in sizes.items():
            made.execute(
                f"CREATE TABLE {table} ({_COLUMNS})",
                f"INSERT INTO {table} {_ROWS.format(count=count)}",
                f"ANALYZE {table}",
            )
        for table, count in sizes.items():
            used = found[table] = measured(made.url, table, arguments.readers)
            sys.stdout.write(
                f"{count:>12,} rows  {used['cpu']:.1f} CPU s  {used['wall']:.1f} s  "
                f"{used['megabytes']:.0f} MB\n"
            )
    rows = sizes["large"] - sizes["small"]
    speed = rows / (found["large"]["cpu"] - found["small"]["cpu"])
    growth = found["large"]["megabytes"] / found["small"]["megabytes"]
    sys.stdout.write(
        f"{speed:,.0f} rows/s a core, start-up left out; {FACTOR} times the rows take "
        f"{growth:.2f} times the memory\n"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--take"]:
        take(sys.argv[2:])
    else:
        main()
