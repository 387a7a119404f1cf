"""What a query of the god view takes, beside the naive view, as the change log grows.

    python -m tests.benchmarks.view_speed [--rows 10000000] [--snapshot_rows 1000000]

On DuckDB: logs of a quarter, a half and all of the rows, each with the same snapshot. Every query
runs in a process of its own, the two views in turn. First both views must say the same.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from kami.bytes_read import bytes_read
from kami.warehouse import open_warehouse, table_sql
from tests.benchmarks.view_speed_ask import Used, measured
from tests.benchmarks.view_speed_log import NAIVE, OURS, dataset_of, key_in_the_log, make_file
from tests.proof.source_log import Flavour

VIEWS = {"ours": OURS, "naive": NAIVE}
FLAVOURS: tuple[Flavour, ...] = ("mysql_gtid", "postgresql")
QUERIES = {
    "all rows": "SELECT * FROM {view}",
    "count": "SELECT COUNT(*) AS n FROM {view}",
    "one key": "SELECT * FROM {view} WHERE id = {id} AND code = '{code}'",
    "newest 100": "SELECT * FROM {view} ORDER BY extra DESC LIMIT 100",
    "one column": (
        "SELECT SUM(amount) AS total, MIN(amount) AS low, MAX(amount) AS high, "
        "COUNT(amount) AS n FROM {view}"
    ),
}
# The baseline has NULL where PostgreSQL did not send a value: there the note has its own check.
SAME = (
    "SELECT COUNT(*) AS n, SUM(id) AS ids, SUM(LENGTH(code)) AS codes, SUM(amount) AS amounts, "
    "SUM(extra) AS extras, SUM(MOD(id, 1009) * MOD(extra, 997)) AS mixed{notes} FROM {view}"
)
NOTES = ", SUM(LENGTH(note)) AS notes"
WRONG_NOTES = (
    "SELECT COUNTIF(note IS NULL OR NOT STARTS_WITH(note, CONCAT(CAST(extra AS STRING), ' '))) "
    "AS n FROM {view}"
)


Cost = dict[tuple[str, int, str], Used]
"""By query, rows of the log, and `ours` or `naive`."""


def compare(path: Path, flavour: Flavour, rows: int) -> int:
    """The number of rows that both views have; AssertionError where they are not the same."""
    notes = "" if flavour == "postgresql" else NOTES
    ours, naive = (table_sql(dataset_of(rows), view) for view in VIEWS.values())
    with open_warehouse(f"duckdb:{path}", read_only=True) as warehouse:
        found, expected = (
            warehouse.query(SAME.format(view=view, notes=notes)).to_pylist()[0]
            for view in (ours, naive)
        )
        assert found == expected, f"{flavour}: ours has {found}, the naive view {expected}"
        (wrong,) = warehouse.query(WRONG_NOTES.format(view=ours)).to_pylist()
    assert not wrong["n"], f"{flavour}: {wrong['n']} notes are not those of their rows"
    return int(found["n"])


def costs(path: Path, lengths: Sequence[int], repeats: int, memory: str) -> Cost:
    """The least that each query took of `repeats`; the views take turns."""
    found: Cost = {}
    for rows in lengths:
        key, code = key_in_the_log(path, rows)
        for query, text in QUERIES.items():
            for _ in range(repeats):
                for name, view in VIEWS.items():
                    place = table_sql(dataset_of(rows), view)
                    sql = text.format(view=place, id=key, code=code)
                    used = measured(path, sql, memory)
                    before = found.get((query, rows, name))
                    if before is None or used.cpu < before.cpu:
                        found[query, rows, name] = used
    return found


def cost_lines(found: Cost, lengths: Sequence[int]) -> list[str]:
    """A line for each query and view: what it took by length, and how it grew."""
    head = "".join(f"{f'{rows:,} changes':>27}" for rows in lengths)
    names = f"{'wall s':>11}{'CPU s':>8}{'MB':>8}" * len(lengths)
    lines = [f"{'':17}{head}{'growth of CPU':>16}", f"{'':17}{names}"]
    for query in QUERIES:
        for name in VIEWS:
            used = [found[query, rows, name] for rows in lengths]
            cells = "".join(f"{u.wall:>11.2f}{u.cpu:>8.2f}{u.megabytes:>8.0f}" for u in used)
            growth = ", ".join(
                f"{after.cpu / before.cpu:.2f}" for before, after in itertools.pairwise(used)
            )
            lines.append(f"{query:11}{name:6}{cells}{growth:>16}")
        ratio = found[query, lengths[-1], "ours"].cpu / found[query, lengths[-1], "naive"].cpu
        lines.append(f"{'':11}ours takes {ratio:.2f} times the naive view's CPU at {lengths[-1]:,}")
    return lines


def byte_lines(path: Path, rows: int) -> list[str]:
    """What BigQuery would read, by the columns that each query uses of each view."""
    lines = [f"{'bytes a query reads on BigQuery':35}{'ours':>12}{'naive':>12}{'ratio':>8}"]
    key, code = key_in_the_log(path, rows)
    with open_warehouse(f"duckdb:{path}", read_only=True) as warehouse:
        for query, text in QUERIES.items():
            counts = []
            for view in VIEWS.values():
                sql = text.format(view=table_sql(dataset_of(rows), view), id=key, code=code)
                count = bytes_read(warehouse, sql)
                assert count is not None
                counts.append(count)
            ours, naive = counts
            lines.append(
                f"{query:35}{ours / 2**30:>9.2f}GiB{naive / 2**30:>9.2f}GiB{ours / naive:>8.2f}"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--snapshot_rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--flavours", default=",".join(FLAVOURS))
    parser.add_argument("--memory", default="8GB", help="DuckDB's memory_limit")
    parser.add_argument("--folder", type=Path, help="where the files are made; else a new one")
    flags = parser.parse_args()
    for flavour in flags.flavours.split(","):
        if flavour not in get_args(Flavour):
            parser.error(f"--flavours: {flavour!r} is none of {', '.join(get_args(Flavour))}")
    lengths = [flags.rows // 4, flags.rows // 2, flags.rows]
    with tempfile.TemporaryDirectory(dir=flags.folder) as folder:
        for flavour in flags.flavours.split(","):
            path = Path(folder) / f"{flavour}.duckdb"
            started = time.perf_counter()
            make_file(path, flavour, lengths, flags.snapshot_rows)
            _say(
                f"{flavour}: {flags.rows:,} changes, a snapshot of {flags.snapshot_rows:,} rows; "
                f"{path.stat().st_size / 2**30:.2f} GiB, made in "
                f"{time.perf_counter() - started:.0f} s"
            )
            _say(f"both views have the same {compare(path, flavour, lengths[-1]):,} rows")
            for line in cost_lines(costs(path, lengths, flags.repeats, flags.memory), lengths):
                _say(line)
            for line in byte_lines(path, lengths[-1]):
                _say(line)
            path.unlink()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
