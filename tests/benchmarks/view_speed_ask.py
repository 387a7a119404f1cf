"""One query of a warehouse file in a process of its own, which imports no more than that needs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from kami.warehouse import open_warehouse


class Used(NamedTuple):
    """What a query took: seconds, and the peak of its process's memory in MB."""

    wall: float
    cpu: float
    megabytes: float
    rows: int


def measured(path: Path, sql: str, memory: str) -> Used:
    """What the query, of BigQuery's SQL, takes in a new process; all of its rows are read."""
    asked = json.dumps({"path": str(path), "sql": sql, "memory": memory})
    run = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.view_speed_ask", asked],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Used(**json.loads(run.stdout))


def ask(path: str, sql: str, memory: str) -> Used:
    """Runs the query in this process."""
    with open_warehouse(f"duckdb:{path}", read_only=True) as warehouse:
        warehouse.run(f"SET memory_limit = '{memory}'")
        warehouse.run(f"SET temp_directory = '{path}.spilled'")
        wall, cpu = time.perf_counter(), time.process_time()
        rows = sum(batch.num_rows for batch in warehouse.stream(sql))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Used(round(wall, 3), round(cpu, 3), round(peak_megabytes()), rows)


def peak_megabytes() -> float:
    """MB. What getrusage tells a process would be that of the one which began it."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(ask(**json.loads(sys.argv[1]))._asdict()))
