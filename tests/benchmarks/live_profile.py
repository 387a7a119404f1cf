"""Where the time of a live job goes: what its worker does in a second, at some records a second.

    python -m tests.benchmarks.live_profile [--engines direct,prism,flink] [--per_second 500]
        [--seconds 15]

tests/benchmarks/README.md says what is measured and how.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.flink_engines import FlinkBench, runner_of
from tests.benchmarks.flink_runs import BY_NAME
from tests.benchmarks.flink_scripts import Workload
from tests.benchmarks.flink_tables import table
from tests.benchmarks.growth_load import VariedLoad, varied_records
from tests.benchmarks.live_runs import percentile
from tests.benchmarks.live_speed import chosen, say
from tests.benchmarks.live_traced import BUNDLE, SPANS
from tests.stack.servers import Kafka, Registry
from tests.stack.session import session
from tests.stack.topics import Topics

TRACED = "tests.benchmarks.live_traced"
ENGINES = ("direct", "prism", "flink")
_END_SECONDS = 2.0
"""Left out at the end: there the job is being stopped."""

Span = tuple[str, float, float]


@dataclasses.dataclass(frozen=True)
class Share:
    """What a part of the work takes: calls a second, milliseconds a call in the middle and at the
    99th percentile, milliseconds of each second."""

    name: str
    calls: float
    middle: float
    slow: float
    busy: float


def shares(spans: Sequence[Span], seconds: float) -> list[Share]:
    """Of the last `seconds` before the job was stopped; at the end what is in no bundle, and what
    is in one and in none of its parts. Raises ValueError: there are no spans."""
    if not spans:
        message = "the job has told of no span: did its worker run in another process?"
        raise ValueError(message)
    until = max(end for _, _, end in spans) - _END_SECONDS
    kept = [one for one in spans if until - seconds <= one[1] and one[2] <= until]
    by_name: dict[str, list[float]] = {}
    for name, begin, end in kept:
        by_name.setdefault(name, []).append((end - begin) * 1_000)
    found = [
        Share(
            name, len(all_) / seconds, _percent(all_, 50), _percent(all_, 99), sum(all_) / seconds
        )
        for name, all_ in by_name.items()
    ]
    inside = sum(one.busy for one in found if one.name != BUNDLE)
    bundles = sum(one.busy for one in found if one.name == BUNDLE)
    rest = Share("the rest of Beam and of the runner", 0.0, 0.0, 0.0, max(0.0, 1_000 - inside))
    parts = sorted((one for one in found if one.name != BUNDLE), key=lambda one: -one.busy)
    return [*(one for one in found if one.name == BUNDLE), *parts, rest] if bundles else parts


def _percent(values: Sequence[float], percent: int) -> float:
    return percentile(list(values), percent) if len(values) > 1 else values[0]


def told(found: Sequence[Share]) -> str:
    head = ("", "calls a second", "ms, p50", "ms, p99", "ms of each second")
    rows = [
        (
            one.name,
            f"{one.calls:.0f}" if one.calls else "",
            f"{one.middle:.1f}" if one.calls else "",
            f"{one.slow:.1f}" if one.calls else "",
            f"{one.busy:.0f}",
        )
        for one in found
    ]
    return "\n".join(table(head, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--engines", type=functools.partial(chosen, among=ENGINES), default=("direct",)
    )
    parser.add_argument("--per_second", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=15.0)
    flags = parser.parse_args()
    engines = [BY_NAME[name] for name in flags.engines]
    with session(say) as stack, tempfile.TemporaryDirectory() as folder:
        stack.begin({"kafka", "registry", *(need for one in engines for need in one.needs)})
        kafka, registry = stack.server("kafka", Kafka), stack.server("registry", Registry)
        load = VariedLoad(kafka.brokers, varied_records(registry.url, truncates=True))
        topics = Topics(kafka)
        try:
            for engine in engines:
                spans = Path(folder) / f"{engine.name}.json"
                os.environ[SPANS] = str(spans)
                bench = FlinkBench(
                    stack, load, topics, Path(folder), engine, Workload.JSON, None, None
                )
                runner = dataclasses.replace(runner_of(engine, stack), module=TRACED)
                late = bench.latencies(runner, "kafka", flags.per_second, flags.seconds)
                p50, p99 = percentile(late, 50) * 1_000, percentile(late, 99) * 1_000
                say(
                    f"\n{engine.told}, {flags.per_second} records/s: "
                    f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"
                )
                found = shares(json.loads(spans.read_text(encoding="utf-8")), flags.seconds)
                say(told(found))
        finally:
            topics.close()


if __name__ == "__main__":
    main()
