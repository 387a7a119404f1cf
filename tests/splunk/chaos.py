"""A million events from files to a Splunk that fails at random, with poison among them.

python -m tests.splunk.chaos [--events 1000000] [--poison 500] [--seed 1]

All good events arrive, exactly the poison ones become dead letters, only what HEC did not confirm
comes twice, and memory does not grow.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa

from pipeline_io.files import WriteLines
from pipeline_io.splunk import WriteEvents
from tests.splunk.process import Hec
from tests.splunk.rows import sink_rows
from transforms.dead_letters import Origin
from transforms.refused import RefusedToDeadLetters

FAULTS = {
    "busy": 0.03,
    "internal": 0.02,
    "capacity": 0.01,
    "proxy": 0.01,
    "cut_before": 0.02,
    "cut_after": 0.02,
    "slow": 0.02,
}
OPTIONS = {"capacity": {"retry_after": 0.2}, "slow": {"seconds": 0.3}}

_LINES_A_FILE = 50_000
_LINES_A_BATCH = 2_000
_POISON = (b'""', b"null", b'{"id":1,"name":"cut of', b'{"id":1},{"event":"forged"')
_SECONDS_BETWEEN_SAMPLES = 0.5


class Outcome(NamedTuple):
    """What a run showed. memory: MiB of this process, sampled from the first event on.

    dead: the numbers of the events that became dead letters, those of `poison` if all is well.
    missing: how many good events did not arrive.
    """

    events: int
    poison: set[int]
    dead: list[int]
    missing: int
    report: dict[str, int]
    memory: list[float]
    seconds: float

    @property
    def growth(self) -> float:
        """MiB: the most of the last half over the most of the first."""
        middle = len(self.memory) // 2
        if not middle:
            return 0.0
        return max(self.memory[middle:]) - max(self.memory[:middle])

    @property
    def is_right(self) -> bool:
        return (
            not self.missing
            and sorted(self.dead) == sorted(self.poison)
            and self.report["different"] == self.events - len(self.poison)
            and self.report["repeats_of_confirmed"] == 0
        )


def write_files(folder: Path, events: int, poison: set[int]) -> list[tuple[str, int]]:
    """JSON lines, those of `poison` as HEC does not take them; each file and its first number."""
    files = []
    for first in range(0, events, _LINES_A_FILE):
        path = folder / f"events-{first:09d}.jsonl"
        with path.open("wb") as file:
            for number in range(first, min(first + _LINES_A_FILE, events)):
                good = (
                    b'{"id":%d,"amount":"%d.50","currency":"EUR","party":"P-%06d","kind":"transfer",'
                    b'"country":"DE","at":"2026-01-01 00:00:00.123"}'
                    % (number, number % 9_999, number * 7_919 % 1_000_000)
                )
                file.write((_POISON[number % len(_POISON)] if number in poison else good) + b"\n")
        files.append((str(path), first))
    return files


def batches_of(file: tuple[str, int]) -> Iterator[pa.RecordBatch]:
    """The lines of a file as SINK_ROWS, their records numbered through all files."""
    path, first = file
    with Path(path).open("rb") as lines:
        batch: list[bytes] = []
        for line in lines:
            batch.append(line.rstrip(b"\n"))
            if len(batch) == _LINES_A_BATCH:
                yield sink_rows(batch, first=first)
                first, batch = first + len(batch), []
        if batch:
            yield sink_rows(batch, first=first)


def run(events: int, poison_count: int, seed: int, **options: Any) -> Outcome:
    """Sends `events` to a stand-in that fails at random."""
    poison = set(random.Random(seed).sample(range(events), poison_count))
    with tempfile.TemporaryDirectory() as name, Hec() as hec:
        folder = Path(name)
        files = write_files(folder, events, poison)
        hec.set_up(faults={"seed": seed, "rates": FAULTS, "options": OPTIONS}, keep=0)
        memory: list[float] = []
        done = threading.Event()
        sampling = threading.Thread(target=_sample, args=(memory, done), daemon=True)
        origin = Origin("splunk-chaos", "1")
        letters = folder / "dead_letters.jsonl"
        began = time.monotonic()
        sampling.start()
        with beam.Pipeline(argv=["--runner=DirectRunner"]) as pipeline:
            refused = (
                pipeline
                | beam.Create(files, reshuffle=False)
                | beam.FlatMap(batches_of)
                | WriteEvents(hec.config(retry_seconds=900.0, **options))
            )
            dead = refused | beam.ParDo(RefusedToDeadLetters("splunk", origin, _now))
            _ = (dead,) | WriteLines(str(letters))
        seconds = time.monotonic() - began
        done.set()
        sampling.join()
        arrived = set(hec.ids())
        good = {f"e-{number}" for number in range(events) if number not in poison}
        return Outcome(
            events,
            poison,
            _numbers(letters),
            len(good - arrived) + len(arrived - good),
            hec.report(),
            memory,
            seconds,
        )


def _numbers(path: Path) -> list[int]:
    """The numbers of the dead letters, their payloads whole."""
    letters = [json.loads(line) for line in path.read_bytes().splitlines()]
    for letter in letters:
        number = int(letter["offset"])
        if base64.b64decode(letter["payload"]) != _POISON[number % len(_POISON)]:
            message = f"the dead letter of event {number} has another payload than the event"
            raise ValueError(message)
    return [int(letter["offset"]) for letter in letters]


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _sample(memory: list[float], done: threading.Event) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    while not done.wait(_SECONDS_BETWEEN_SAMPLES):
        resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        memory.append(resident * page / 2**20)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.splunk.chaos")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--poison", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    found = run(given.events, given.poison, given.seed)
    report = found.report
    lines = [
        f"{found.events:,} events in {found.seconds:.0f} s, {len(found.poison)} of them poison",
        f"missing or unknown: {found.missing}",
        f"dead letters: {len(found.dead)}, exactly the poison ones: "
        f"{sorted(found.dead) == sorted(found.poison)}",
        f"repeats: {report['repeats']:,}, of what HEC had confirmed: "
        f"{report['repeats_of_confirmed']}",
        "faults: "
        + ", ".join(f"{kind} {report.get(kind, 0)}" for kind in FAULTS)
        + f" of {report['requests']:,} requests",
        f"memory: {found.memory[0]:.0f} MiB at first, most in the first half "
        f"{max(found.memory[: len(found.memory) // 2]):.0f}, grown since by {found.growth:.0f}",
        "all is well" if found.is_right else "THIS IS WRONG",
    ]
    print("\n".join(lines))  # noqa: T201
    return 0 if found.is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
