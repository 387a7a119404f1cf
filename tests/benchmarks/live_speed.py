"""Speed, memory and latency of a job on real servers, by runner and sink.

    python -m tests.benchmarks.live_speed [--records 1000000] [--runners direct,prism,flink]
        [--sinks kafka,pubsub] [--repeats 1] [--headers]

tests/benchmarks/README.md says what is measured and how.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.live_jobs import NEEDS, RUNNERS, JobFailed, Runner, runner
from tests.benchmarks.live_load import Load, records_for
from tests.benchmarks.live_parts import PARTS
from tests.benchmarks.live_processes import Usage
from tests.benchmarks.live_runs import Backlog, Bench, percentile
from tests.benchmarks.live_script import SINKS
from tests.benchmarks.live_sinks import SinkGone
from tests.stack.servers import Kafka, Registry
from tests.stack.session import session
from tests.stack.topics import Topics

FEW_RECORDS = 2_000
"""Of the runs that compare the runners; what such a run costs is the start-up."""
MOST_PUBSUB_RECORDS = 1_000_000
"""The emulator keeps in its memory, of eight gigabytes at most, what is not pulled yet."""
LIVE_PER_SECOND = 500
LIVE_SECONDS = 30.0

Pair = tuple[str, str]
"""A runner and a sink, by their names."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be measured; records: of a backlog, by the sink."""

    records: dict[str, int]
    repeats: int
    pairs: tuple[Pair, ...]
    parts: bool
    live: bool


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Measurements:
    """Runs a plan, everything in turns, so that a busy minute meets all alike."""

    def __init__(self, bench: Bench, plan: Plan) -> None:
        self.bench = bench
        self.plan = plan
        names = dict.fromkeys(name for name, _ in plan.pairs)
        self.runners: dict[str, Runner] = {name: runner(name, bench.stack) for name in names}
        self.few: dict[Pair, Backlog] = {}
        self.many: dict[Pair, list[Backlog]] = {pair: [] for pair in plan.pairs}
        self.parts: dict[str, list[dict[str, Any]]] = {name: [] for name in PARTS}

    def run(self) -> None:
        self.compare()
        filled = {count: self.bench.filled(count) for count in set(self.plan.records.values())}
        topics = {sink: filled[count] for sink, count in self.plan.records.items()}
        for _ in range(self.plan.repeats):
            if self.plan.parts:
                for part in PARTS:
                    self.parts[part].append(self.part(part, topics["kafka"]))
            for pair in self.plan.pairs:
                self.try_(pair, functools.partial(self.measure, pair, topics[pair[1]]))
        self.report()
        if self.plan.live:
            self.report_live()

    def try_(self, pair: Pair, run: Any) -> None:
        """Runs it; a job that fails is told of and does not end the others."""
        try:
            run()
        except (JobFailed, SinkGone) as error:
            say(f"FAILED {' -> '.join(pair)}: {error}")

    def measure(self, pair: Pair, topic: str) -> None:
        name, sink = pair
        found = self.bench.backlog(self.runners[name], sink, topic, self.plan.records[sink])
        self.many[pair].append(found)
        say(f"{name} -> {sink}: {found.seconds:.0f} s, {found.cpu_seconds:.1f} CPU s")

    def compare(self) -> None:
        """Stops unless all runners make the same messages of the same records."""
        topic = self.bench.filled(FEW_RECORDS)
        for pair in self.plan.pairs:
            name, sink = pair
            self.few[pair] = self.bench.backlog(
                self.runners[name], sink, topic, FEW_RECORDS, keep=True
            )
        digests = {pair: run.digest for pair, run in self.few.items()}
        if len(set(digests.values())) > 1:
            message = f"the runners make other messages of the same records: {digests}"
            raise JobFailed(message)
        say(f"the same {FEW_RECORDS:,} messages by {', '.join(map(' -> '.join, digests))}")

    def part(self, part: str, topic: str) -> dict[str, Any]:
        """Runs a part of the work alone, in a process of its own; its figures."""
        with self.bench.sink("kafka", keep=False) as to:
            script = self.bench.script(topic, "kafka", to)
            command = [sys.executable, "-m", "tests.benchmarks.live_parts"]
            command += ["--part", part, "--script", str(script)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures

    def report(self) -> None:
        load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
        counts = ", ".join(f"{count:,} to {sink}" for sink, count in self.plan.records.items())
        say(f"\nrecords: {counts}; load {load} on {os.cpu_count()} cores")
        plain = self.report_parts() if self.plan.parts else None
        say(
            f"\n{'job':18}{'records/s':>11}{'whole':>9}{'CPU s/M':>9}{'to plain':>9}"
            "  CPU s/M (peak MiB) by process"
        )
        for pair, runs in self.many.items():
            if runs:
                say(self.line(pair, runs, plain))
        say("records/s from the first message to the last, whole with the start of the process;")
        say("CPU s/M without the start-up, which is what a run over few records takes.")

    def line(self, pair: Pair, runs: list[Backlog], plain: float | None) -> str:
        few, records = self.few[pair], self.plan.records[pair[1]]
        span = statistics.median(run.span_seconds for run in runs)
        whole = statistics.median(run.seconds for run in runs)
        by_process: dict[str, Usage] = {}
        for name in runs[0].usage:
            start = few.usage.get(name, Usage()).cpu_seconds
            cpu = statistics.median(run.usage.get(name, Usage()).cpu_seconds for run in runs)
            peak = max(run.usage.get(name, Usage()).peak_mebibytes for run in runs)
            by_process[name] = Usage((cpu - start) / records * 1e6, peak)
        broker = {
            name: statistics.median(run.broker[name].cpu_seconds for run in runs) / records * 1e6
            for name in runs[0].broker
        }
        cpu = sum(one.cpu_seconds for one in by_process.values())
        ratio = f"{cpu / plain:8.2f}x" if plain else f"{'-':>9}"
        told = "; ".join(
            f"{name} {one.cpu_seconds:.1f} ({one.peak_mebibytes:.0f})"
            for name, one in by_process.items()
        )
        servers = ", ".join(f"{name} {one:.1f}" for name, one in broker.items())
        return (
            f"{' -> '.join(pair):18}{records / span:11,.0f}{records / whole:9,.0f}{cpu:9.1f}{ratio}"
            f"  {told}; start {few.cpu_seconds:.1f} s; servers {servers}"
        )

    def report_parts(self) -> float:
        """Prints what the work costs without Beam; returns that of the plain loop."""
        say(f"\n{'without Beam':18}{'CPU s/M':>9}{'peak MiB':>10}  of it in Python's thread")
        for part, runs in self.parts.items():
            cpu = statistics.median(run["cpu_seconds"] for run in runs)
            peak = max(run["peak_mebibytes"] for run in runs)
            sections = {
                name: self.a_million(statistics.median(run["sections"][name] for run in runs))
                for name in runs[0]["sections"]
            }
            told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in sections.items())
            say(f"{part:18}{self.a_million(cpu):9.1f}{peak:10.0f}  {told}")
        plain = statistics.median(run["cpu_seconds"] for run in self.parts["plain"])
        return self.a_million(plain)

    def a_million(self, cpu_seconds: float) -> float:
        """Of the parts, which read what the jobs to Kafka read."""
        return cpu_seconds / self.plan.records["kafka"] * 1e6

    def report_live(self) -> None:
        say(f"\n{LIVE_PER_SECOND} records/s for {LIVE_SECONDS:.0f} s, --follow; seconds")
        say(f"{'job':18}{'p50':>8}{'p99':>8}{'most':>8}{'messages':>10}")
        for pair in self.plan.pairs:
            self.try_(pair, functools.partial(self.live, pair))

    def live(self, pair: Pair) -> None:
        name, sink = pair
        found = self.bench.latencies(self.runners[name], sink, LIVE_PER_SECOND, LIVE_SECONDS)
        p50, p99 = percentile(found, 50), percentile(found, 99)
        say(f"{' -> '.join(pair):18}{p50:8.3f}{p99:8.3f}{max(found):8.3f}{len(found):10,}")


def chosen(text: str, among: tuple[str, ...]) -> tuple[str, ...]:
    """The names of a list 'a,b'. Raises argparse.ArgumentTypeError."""
    names = tuple(text.split(","))
    for name in names:
        if name not in among:
            message = f"{name!r}: expected some of {', '.join(among)}, separated by commas"
            raise argparse.ArgumentTypeError(message)
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument(
        "--pubsub_records", type=int, default=MOST_PUBSUB_RECORDS, help="at most, to Pub/Sub"
    )
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--runners", type=functools.partial(chosen, among=RUNNERS), default=RUNNERS)
    parser.add_argument("--sinks", type=functools.partial(chosen, among=SINKS), default=SINKS)
    parser.add_argument("--headers", action="store_true", help="keep Debezium's four headers")
    parser.add_argument("--no_live", action="store_true", help="leave out the latency")
    parser.add_argument("--no_parts", action="store_true", help="leave out the work without Beam")
    flags = parser.parse_args()
    pairs = tuple((name, sink) for name in flags.runners for sink in flags.sinks)
    records = {
        "kafka": flags.records,
        "pubsub": min(flags.records, flags.pubsub_records),
    }
    plan = Plan(records, flags.repeats, pairs, not flags.no_parts, not flags.no_live)
    needs = {"kafka", "registry", *(need for name in flags.runners for need in NEEDS[name])}
    with session(say) as stack, tempfile.TemporaryDirectory() as folder:
        stack.begin([*needs, *({"pubsub"} & set(flags.sinks))])
        kafka, registry = stack.server("kafka", Kafka), stack.server("registry", Registry)
        load = Load(kafka.brokers, records_for(registry.url, headers=flags.headers))
        topics = Topics(kafka)
        try:
            Measurements(Bench(stack, load, topics, Path(folder)), plan).run()
        finally:
            topics.close()


if __name__ == "__main__":
    main()
