"""God view, compaction and snapshot on DuckDB, at one size."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from kami.compaction import Compactor
from kami.warehouse import open_warehouse, table_sql
from tests.benchmarks.growth_figures import Measured
from tests.benchmarks.growth_pace import Pace
from tests.benchmarks.snapshot_speed import measured as snapshot_taken
from tests.benchmarks.view_speed import QUERIES
from tests.benchmarks.view_speed_ask import Used, measured, peak_megabytes
from tests.benchmarks.view_speed_log import (
    LOG,
    OURS,
    dataset_of,
    key_in_the_log,
    make_file,
    table_of,
)
from tests.proof.source_log import Flavour
from tests.stack.databases import Database

FLAVOUR: Flavour = "mysql_gtid"
_CHANGES_A_ROW = 10
_BARE = (
    "SELECT COUNT(*) AS n FROM (SELECT _key, MAX(_order_key) AS newest FROM {log} GROUP BY _key)"
)
"""The least that any view of this kind does: its growth is DuckDB's own."""
_REPEATS = 2
"""Of each query; what took the least is kept."""
_NOW = datetime.datetime(2027, 1, 1, tzinfo=datetime.timezone.utc)
_COLUMNS = "id bigint PRIMARY KEY, name text NOT NULL, amount numeric(10,2), changed_at timestamptz"
_ROWS = """
INSERT INTO {table}
SELECT i, 'name ' || i, i % 100000 / 100.0, '2026-01-01'::timestamptz + i * interval '1 s'
FROM generate_series(1, {count}) AS i
"""


def view_and_compaction(rows: int, folder: Path, memory: str, pace: Pace) -> list[Measured]:
    """A log of so many rows with a snapshot of a tenth: each query, then a compaction of all of
    it, each in a process of its own."""
    path = folder / f"{rows}.duckdb"
    try:
        make_file(path, FLAVOUR, [rows], max(rows // _CHANGES_A_ROW, 1))
        key, code = key_in_the_log(path, rows)
        view = table_sql(dataset_of(rows), OURS)
        asked = {
            "DuckDB alone: newest of each key": _BARE.format(log=table_sql(dataset_of(rows), LOG)),
            **{
                f"god view: {query}": text.format(view=view, id=key, code=code)
                for query, text in QUERIES.items()
            },
        }
        found = []
        for series, sql in asked.items():
            runs = []
            for _ in range(_REPEATS):
                forget(path)
                runs.append(_of(series, rows, measured(path, sql, memory), pace))
            found.append(min(runs, key=lambda run: run.cpu_seconds))
        forget(path)
        return [*found, _of("compaction", rows, compacted(path, rows, memory), pace)]
    finally:
        shutil.rmtree(f"{path}.spilled", ignore_errors=True)
        path.unlink(missing_ok=True)


def forget(path: Path) -> None:
    """Has the system forget what it keeps of a file in memory, so that each size is read from the
    disk: a file of 2 GB would be kept whole, and one of 11 GB in part."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _of(series: str, size: int, used: Used, pace: Pace) -> Measured:
    return Measured(series, size, used.wall, used.cpu, used.megabytes, pace.over(used.wall))


def compacted(path: Path, rows: int, memory: str) -> Used:
    """What a compaction took, in a new process."""
    asked = json.dumps({"path": str(path), "rows": rows, "memory": memory})
    command = [sys.executable, "-m", "tests.benchmarks.growth_warehouse", asked]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Used(**json.loads(run.stdout))


def compact(path: str, rows: int, memory: str) -> Used:
    """Compacts the whole log in this process. Raises RuntimeError: nothing was to be done."""
    with open_warehouse(f"duckdb:{path}") as warehouse:
        warehouse.run(f"SET memory_limit = '{memory}'")
        warehouse.run(f"SET temp_directory = '{path}.spilled'")
        wall, cpu = time.perf_counter(), time.process_time()
        table = table_of(FLAVOUR, rows)
        done = Compactor(warehouse, table, _NOW, keep=datetime.timedelta(0)).run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if done.archived_rows == 0:
        message = f"the compaction has moved no row: {done.state}, {done.message}"
        raise RuntimeError(message)
    return Used(round(wall, 3), round(cpu, 3), round(peak_megabytes()), done.archived_rows)


def snapshot(rows: int, database: Database, pace: Pace) -> list[Measured]:
    """A snapshot of a new table of so many narrow rows of PostgreSQL into a DuckDB file."""
    table = f"rows_{rows}"
    database.execute(f"CREATE TABLE {table} ({_COLUMNS})")
    try:
        database.execute(_ROWS.format(table=table, count=rows), f"ANALYZE {table}")
        used = snapshot_taken(database.url, table, 1)
        meanwhile = pace.over(used["wall"])
    finally:
        database.execute(f"DROP TABLE {table}")
    return [Measured("snapshot", rows, used["wall"], used["cpu"], used["megabytes"], meanwhile)]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compact(**json.loads(sys.argv[1]))._asdict()))
