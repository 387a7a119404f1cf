"""Runs a comparison: first the same rows, then every engine in turns."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.flink_changes import by_change_log, by_flink, check_same_changes
from tests.benchmarks.flink_engines import ENGINES, REFERENCE, Engine, FlinkBench, runner_of
from tests.benchmarks.flink_results import Latency, Results, Run
from tests.benchmarks.flink_rows import check_same
from tests.benchmarks.flink_scripts import KEYS, Lookup, Workload
from tests.benchmarks.flink_sql import FlinkSql
from tests.benchmarks.growth_load import VariedLoad, varied_records
from tests.benchmarks.live_jobs import JobFailed, Runner
from tests.benchmarks.live_runs import Backlog, Bench, percentile
from tests.benchmarks.live_sinks import SinkGone
from tests.stack.databases import fresh_postgres_database
from tests.stack.servers import Kafka, Postgres, Registry
from tests.stack.session import Session
from tests.stack.topics import Topics

FEW_RECORDS = 2_000
CHANGES = "changes"
CHANGES_ENGINES = (REFERENCE, "direct")
LIVE_PER_SECOND = 500
BY_NAME = {engine.name: engine for engine in ENGINES}
_USERS = """
INSERT INTO users
SELECT i, 'Käufer ' || i, CASE i % 3 WHEN 0 THEN 'high' WHEN 1 THEN 'low' END
FROM generate_series(0, {last}) AS i WHERE i % 10 <> 7
"""
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is measured.

    Args:
        workloads: of json, flat, lookup, changes.
        results: where the figures are kept, run by run, beside those of other workloads.
        live_seconds: 0 leaves the latency out.
    """

    records: int
    repeats: int
    workloads: tuple[str, ...]
    engines: tuple[str, ...]
    results: Path
    live_seconds: float


@contextlib.contextmanager
def users(postgres: Postgres) -> Iterator[Lookup]:
    """The table that is looked up, in a new database; every tenth key has no row."""
    with fresh_postgres_database(postgres) as made:
        made.execute("CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, risk text)")
        made.execute(_USERS.format(last=KEYS - 1), "ANALYZE users")
        yield Lookup(made.host, made.port, made.name, made.user, made.password)


class Comparison:
    """Everything that is measured with one set of servers."""

    def __init__(
        self, stack: Session, plan: Plan, folder: Path, driver: FlinkSql, say: Say
    ) -> None:
        kafka, registry = stack.server("kafka", Kafka), stack.server("registry", Registry)
        self.topics = Topics(kafka)
        self.plan, self.say, self.driver = plan, say, driver
        kept = Results.read(plan.results) if plan.results.exists() else Results()
        self.results = kept.without(plan.workloads, live=plan.live_seconds > 0)
        load = VariedLoad(kafka.brokers, varied_records(registry.url, truncates=True))
        no_truncates = VariedLoad(kafka.brokers, varied_records(registry.url, truncates=False))
        self._bench = Bench(stack, load, self.topics, folder)
        self._changes = Bench(stack, no_truncates, self.topics, folder)
        self._runners: dict[str, Runner] = {}

    def bench(self, engine: Engine, workload: Workload, lookup: Lookup | None) -> FlinkBench:
        given = self._bench
        return FlinkBench(
            *(given.stack, given.load, given.topics, given.folder),
            *(engine, workload, self.driver, lookup),
        )

    def runner(self, engine: Engine) -> Runner:
        if engine.name not in self._runners:
            self._runners[engine.name] = runner_of(engine, self._bench.stack)
        return self._runners[engine.name]

    def run(self) -> None:
        for name in self.plan.workloads:
            if name == CHANGES:
                self._measure_changes()
            elif name == Workload.LOOKUP.value:
                with users(self._bench.stack.server("postgres", Postgres)) as lookup:
                    self._measure(Workload.LOOKUP, lookup)
            else:
                self._measure(Workload(name), None)
        if self.plan.live_seconds:
            self._measure_live()

    def _engines(self, workload: Workload) -> list[Engine]:
        """Those that do it; why others cannot is kept."""
        chosen = [BY_NAME[name] for name in self.plan.engines]
        for engine in chosen:
            if workload in engine.cannot:
                self.results.failures[f"{workload.value}/{engine.name}"] = engine.cannot[workload]
        return [engine for engine in chosen if workload in engine.does]

    def _measure(self, workload: Workload, lookup: Lookup | None) -> None:
        benches = {
            engine.name: self.bench(engine, workload, lookup) for engine in self._engines(workload)
        }
        few = self._bench.filled(FEW_RECORDS)
        self._compare(benches, workload.value, few)

        def backlog(name: str, topic: str, records: int) -> Backlog:
            runner = self.runner(BY_NAME[name])
            return benches[name].backlog(runner, "kafka", topic, records)

        self._measure_all(workload.value, tuple(benches), few, self._bench, backlog)

    def _compare(self, benches: dict[str, FlinkBench], workload: str, few: str) -> None:
        """Raises OtherRows unless all engines that run make the same rows; takes the others out."""
        rows: dict[str, Counter[str]] = {}
        for name, bench in list(benches.items()):
            compared = functools.partial(
                bench.backlog, self.runner(bench.engine), "kafka", few, FEW_RECORDS, keep=True
            )
            if self._try(workload, name, compared) is None:
                del benches[name]
            else:
                rows[name] = bench.kept.pop()
        first, *others = rows
        for name in others:
            once = self.runner(BY_NAME[name]).ends
            check_same(name, rows[name], first, rows[first], once=once)
        self._tell_same(f"{workload}: the same {FEW_RECORDS:,} rows by {', '.join(rows)}")

    def _measure_changes(self) -> None:
        few = self._changes.filled(FEW_RECORDS)
        check_same_changes(self._changes, self.driver, few, FEW_RECORDS)
        names = [name for name in CHANGES_ENGINES if name in self.plan.engines]
        told = f"the same row for each of the keys of {FEW_RECORDS:,} changes by"
        self._tell_same(f"{CHANGES}: {told} {', '.join(names)}")

        def backlog(name: str, topic: str, records: int) -> Backlog:
            if name == REFERENCE:
                return by_flink(self._changes, self.driver, topic, records)
            return by_change_log(self._changes, topic, records)

        self._measure_all(CHANGES, tuple(names), few, self._changes, backlog)

    def _measure_all(
        self,
        workload: str,
        names: tuple[str, ...],
        few: str,
        bench: Bench,
        backlog: Callable[[str, str, int], Backlog],
    ) -> None:
        """Warms up what stays, then measures all in turns, each beside what its start costs."""
        began, records = time.monotonic(), self.plan.records
        topic = bench.filled(records)
        self.say(f"{workload}: {records:,} records sent in {time.monotonic() - began:.0f} s")
        for name in names:
            if BY_NAME[name].warms:
                self._try(workload, name, functools.partial(backlog, name, topic, records))
        for repeat in range(self.plan.repeats):
            for name in names:
                most = BY_NAME[name].repeats
                if most is not None and repeat >= most:
                    continue
                start = functools.partial(backlog, name, few, FEW_RECORDS)
                if (begun := self._try(workload, name, start)) is not None:
                    self.results.starts.append(Run.of(workload, name, begun))
                run = functools.partial(backlog, name, topic, records)
                if (found := self._try(workload, name, run)) is not None:
                    self.results.runs.append(Run.of(workload, name, found))
                    self.say(
                        f"{workload}, {name}: {found.seconds:.1f} s, {found.cpu_seconds:.1f} CPU s"
                    )
                self.results.write(self.plan.results)

    def _try(self, workload: str, name: str, run: Callable[[], Backlog]) -> Backlog | None:
        """A job that fails is told of, and does not end the others."""
        try:
            return run()
        except (JobFailed, SinkGone) as error:
            why = str(error).splitlines()[0]
            self.results.failures[f"{workload}/{name}"] = why
            self.say(f"FAILED {workload}, {name}: {error}")
            return None

    def _measure_live(self) -> None:
        for name in self.plan.engines:
            engine = BY_NAME[name]
            if not engine.lives:
                continue
            try:
                found = self.bench(engine, Workload.JSON, None).latencies(
                    self.runner(engine), "kafka", LIVE_PER_SECOND, self.plan.live_seconds
                )
            except (JobFailed, SinkGone) as error:
                self.say(f"FAILED live, {name}: {error}")
                continue
            latency = Latency(percentile(found, 50), percentile(found, 99), max(found), len(found))
            self.results.latencies[name] = latency
            self.say(f"live, {name}: p50 {latency.p50:.3f} s, p99 {latency.p99:.3f} s")
            self.results.write(self.plan.results)

    def _tell_same(self, told: str) -> None:
        self.results.same.append(told)
        self.say(told)
