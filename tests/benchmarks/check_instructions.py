"""Instructions of pieces of work, counted by valgrind: the same number on a busy machine.

    python -m tests.benchmarks.check_instructions --folder DIR [--slow NAME]

is what valgrind runs. Between two pieces the program calls getppid(), which nothing else does, and
valgrind writes down what was counted since the last call.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.check_verdicts import Figure
from tests.benchmarks.check_works import works

CALLS = 2
"""Of each piece; the counts of a call differ by less than one in a hundred."""
WARM_UP = 3
"""Calls before those, of which nothing is counted: what is made once is made in them."""
MARK = "getppid"
_SUMMARY = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


class CannotCount(RuntimeError):
    """There is no valgrind, or it did not count; the message says what to do."""


def measured(slow: str | None = None) -> dict[str, Figure]:
    """By the work's name: instructions a record. Raises CannotCount.

    Args:
        slow: a piece that is done twice, to see that a check can fail.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        message = "there is no valgrind: install it (apt install valgrind), or take --by cpu"
        raise CannotCount(message)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(valgrind, "--tool=callgrind", f"--dump-before={MARK}"),
            f"--callgrind-out-file={folder}/counts",
            *(sys.executable, "-m", "tests.benchmarks.check_instructions", f"--folder={folder}"),
            *([f"--slow={slow}"] if slow else []),
        ]
        # Counts must not hang on the order of sets, nor on threads that wait for each other.
        fixed = {"PYTHONHASHSEED": "0", "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, env={**os.environ, **fixed}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            message = f"valgrind ended with code {done.returncode}: {done.stderr[-2_000:]}"
            raise CannotCount(message)
        pieces: list[tuple[str, int]] = json.loads(done.stdout.splitlines()[-1])
        counts = counts_of(Path(folder), len(pieces) * (CALLS + 1))
    found = {}
    for number, (name, records) in enumerate(pieces):
        # The first dump of a piece has what came before it.
        first = number * (CALLS + 1) + 1
        a_record = [count / records for count in counts[first : first + CALLS]]
        found[name] = Figure(sum(a_record) / CALLS, min(a_record), max(a_record))
    return found


def counts_of(folder: Path, wanted: int) -> list[int]:
    """What each dump has counted, in their order. Raises CannotCount."""
    dumps = sorted(folder.glob("counts.*"), key=lambda path: int(path.suffix[1:]))
    counts = []
    for path in dumps:
        text = path.read_text(errors="replace")
        if f"Trigger: --dump-before={MARK}" not in text and MARK not in text[:2_000]:
            continue
        if found := _SUMMARY.search(text):
            counts.append(int(found[1]))
    if len(counts) != wanted:
        message = f"valgrind counted {len(counts)} pieces; expected {wanted}"
        raise CannotCount(message)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--slow")
    flags = parser.parse_args()
    with works(flags.folder) as pieces:
        gc.collect()
        gc.disable()
        for one in pieces:
            for _ in range(WARM_UP):
                one.call()
            os.getppid()
            for _ in range(CALLS):
                one.call()
                if one.name == flags.slow:
                    one.call()
                os.getppid()
    sys.stdout.write(json.dumps([(one.name, one.records) for one in pieces]) + "\n")


if __name__ == "__main__":
    main()
