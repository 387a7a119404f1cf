"""Whether cost grows as the data does: jobs, god view, compaction, snapshot.

    python -m tests.benchmarks.growth [--job 1,10,100] [--view 1,10,50] [--snapshot 1,10,50]
        [--minutes 60] [--page docs/benchmarks.md]

Sizes are millions. Each part is kept when it is done; another run goes on with what is left.
tests/benchmarks/README.md says what is measured and how.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.benchmarks.growth_figures import MILLION, Growth, Measured, page_section
from tests.benchmarks.growth_job import JobGrowth
from tests.benchmarks.growth_pace import Pace
from tests.benchmarks.growth_warehouse import snapshot, view_and_compaction
from tests.benchmarks.live_speed import say
from tests.benchmarks.page import machine, write_section
from tests.stack.databases import fresh_postgres_database
from tests.stack.servers import Postgres
from tests.stack.session import session

GIBIBYTES_A_MILLION = {"job": 0.2, "view": 1.0, "snapshot": 0.2}
"""What a part needs of the disk at most; a job's sink keeps 7 GiB more."""
MINUTES_A_MILLION = {"job": 0.25, "view": 0.15, "snapshot": 0.2}
"""A first guess of the time, until a smaller part was measured."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One size of one kind.

    Args:
        kind: job, view or snapshot.
        size: records or rows.
    """

    kind: str
    size: int

    @property
    def name(self) -> str:
        return f"{self.kind} {self.size / MILLION:g}"

    def minutes(self, done: dict[str, float]) -> float:
        """How long it takes, by the largest part of its kind that is done."""
        known = [
            (Part(self.kind, round(float(name.split()[1]) * MILLION)), seconds)
            for name, seconds in done.items()
            if name.split()[0] == self.kind
        ]
        if not known:
            return self.size / MILLION * MINUTES_A_MILLION[self.kind]
        nearest, seconds = max(known, key=lambda one: one[0].size)
        return seconds / 60 * self.size / nearest.size

    @property
    def gibibytes(self) -> float:
        return self.size / MILLION * GIBIBYTES_A_MILLION[self.kind]


def left(parts: Sequence[Part], done: dict[str, float]) -> list[Part]:
    """The parts that are not done, each kind's sizes growing."""
    order = {kind: place for place, kind in enumerate(GIBIBYTES_A_MILLION)}
    todo = [part for part in parts if part.name not in done]
    return sorted(todo, key=lambda part: (order[part.kind], part.size))


def why_not(part: Part, minutes_left: float, done: dict[str, float], free: float) -> str | None:
    """What stands against starting the part now, if anything does; free: GiB of the disk."""
    needs = part.minutes(done)
    if needs > minutes_left:
        return f"{part.name}: some {needs:.0f} minutes, {minutes_left:.0f} are left of --minutes"
    if part.gibibytes > free:
        return f"{part.name}: some {part.gibibytes:.0f} GiB of disk, {free:.0f} are free"
    return None


Run = Callable[[int], list[Measured]]


@contextlib.contextmanager
def runs(kinds: set[str], folder: Path, memory: str) -> Iterator[dict[str, Run]]:
    """What measures a size, by kind; servers run within the block."""
    with contextlib.ExitStack() as stack:
        pace = stack.enter_context(Pace())
        found: dict[str, Run] = {
            "view": lambda size: view_and_compaction(size, folder, memory, pace)
        }
        opened = stack.enter_context(session(say)) if kinds - {"view"} else None
        if opened is not None and "job" in kinds:
            growth = JobGrowth(opened, folder, pace)
            stack.callback(growth.close)
            found["job"] = growth.run
        if opened is not None and "snapshot" in kinds:
            server = opened.server("postgres", Postgres)
            made = stack.enter_context(fresh_postgres_database(server))
            found["snapshot"] = lambda size: snapshot(size, made, pace)
        yield found


def measure(
    parts: Sequence[Part], growth: Growth, results: Path, flags: argparse.Namespace
) -> None:
    """Measures what is left, as long as time and disk allow."""
    began = time.monotonic()
    todo = left(parts, growth.done)
    with (
        tempfile.TemporaryDirectory(dir=flags.folder) as folder,
        runs({part.kind for part in todo}, Path(folder), flags.memory) as by_kind,
    ):
        for part in todo:
            minutes_left = flags.minutes - (time.monotonic() - began) / 60
            free = shutil.disk_usage(folder).free / 2**30
            if told := why_not(part, minutes_left, growth.done, free):
                say(f"left out: {told}")
                continue
            since = time.monotonic()
            found = by_kind[part.kind](part.size)
            growth.add(part.name, time.monotonic() - since, found)
            growth.write(results)
            for one in found:
                say(
                    f"{one.series}, {one.size:,}: {one.seconds:.1f} s, {one.cpu_seconds:.1f} "
                    f"CPU s, {one.mebibytes:.0f} MiB"
                )


def millions(text: str) -> tuple[int, ...]:
    """Sizes of a list of millions '0.1,1,10'; '' is none. Raises argparse.ArgumentTypeError."""
    try:
        sizes = tuple(round(float(word) * MILLION) for word in text.split(",") if word)
    except ValueError as error:
        message = f"{text!r}: expected millions separated by commas, such as 1,10,100"
        raise argparse.ArgumentTypeError(message) from error
    if any(size < 1 for size in sizes):
        message = f"{text!r}: a size is below one record"
        raise argparse.ArgumentTypeError(message)
    return sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job", type=millions, default=millions("1,10,100"))
    parser.add_argument("--view", type=millions, default=millions("1,10,50"))
    parser.add_argument("--snapshot", type=millions, default=millions("1,10,50"))
    parser.add_argument(
        "--minutes", type=float, default=120.0, help="start nothing that ends later"
    )
    parser.add_argument("--memory", default="8GB", help="DuckDB's memory_limit")
    parser.add_argument("--folder", type=Path, help="where files are made; else a new one")
    parser.add_argument("--results", type=Path, default=Path("out/benchmarks/growth.json"))
    parser.add_argument(
        "--again", action="store_true", help="measure what was measured before, too"
    )
    parser.add_argument("--page", type=Path, help="write the tables to this page")
    flags = parser.parse_args()
    parts = [
        *(Part("job", size) for size in flags.job),
        *(Part("view", size) for size in flags.view),
        *(Part("snapshot", size) for size in flags.snapshot),
    ]
    growth = Growth() if flags.again else Growth.read(flags.results)
    growth.machine = growth.machine or machine()
    measure(parts, growth, flags.results, flags)
    section = page_section(growth)
    say(f"\n{section}")
    if flags.page is not None:
        write_section("growth", section, flags.page)


if __name__ == "__main__":
    main()
