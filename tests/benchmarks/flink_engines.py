"""The ways of doing the work that are compared, each with its processes and its script."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.benchmarks.flink_rows import multiset
from tests.benchmarks.flink_scripts import Dialect, FlinkScript, Lookup, Workload
from tests.benchmarks.flink_sql import FlinkSql, FlinkSqlJob
from tests.benchmarks.live_jobs import Runner, RunningJob, runner
from tests.benchmarks.live_runs import Bench
from tests.benchmarks.live_sinks import LiveSink
from tests.stack.databases import fresh_name
from tests.stack.servers import BeamJava, Registry
from tests.stack.session import Session

REFERENCE = "flink-sql"


@dataclasses.dataclass(frozen=True)
class Engine:
    """One way.

    Args:
        told: what it is, in a table.
        needs: parts of the stack.
        does: workloads that it is measured with.
        cannot: why it has no figures for others.
        lives: whether its latency is measured.
        repeats: of its runs at most; None is as many as of the others.
        warms: whether servers in Java work for it that stay: its first run is not counted.
    """

    name: str
    told: str
    dialect: Dialect
    needs: tuple[str, ...] = ()
    does: tuple[Workload, ...] = (Workload.JSON, Workload.LOOKUP)
    cannot: Mapping[Workload, str] = dataclasses.field(default_factory=dict)
    lives: bool = True
    warms: bool = False
    repeats: int | None = None


ENGINES = (
    Engine(REFERENCE, "Flink SQL 2.3", Dialect.FLINK, does=tuple(Workload), warms=True),
    Engine("direct", "kamiflow, DirectRunner", Dialect.OURS, does=tuple(Workload)),
    Engine(
        "direct-envelope", "kamiflow, DirectRunner, Flink's view", Dialect.ENVELOPE, lives=False
    ),
    Engine("prism", "kamiflow, Prism", Dialect.OURS, ("prism",)),
    Engine(
        "flink", "kamiflow, Flink with KafkaIO", Dialect.OURS, ("flink", "beam_java"), warms=True
    ),
    Engine(
        "beam-sql",
        "Beam SQL, DirectRunner",
        Dialect.OURS,
        ("beam_java",),
        does=(Workload.FLAT,),
        cannot={
            Workload.JSON: "has no TO_TIMESTAMP and no ROW of Flink's meaning",
            Workload.LOOKUP: "has no lookups",
        },
        lives=False,
        warms=True,
    ),
    Engine("per-record", "Beam, record by record", Dialect.OURS, lives=False, repeats=1),
)


def runner_of(engine: Engine, stack: Session) -> Runner:
    """How the engine's job is run. Raises StackError."""
    if engine.name == REFERENCE:
        return Runner(engine.name, (), {}, ends=True)
    if engine.name == "per-record":
        direct = runner("direct", stack)
        module = "tests.benchmarks.flink_per_record"
        return dataclasses.replace(direct, name=engine.name, module=module)
    if engine.name == "beam-sql":
        java = stack.server("beam_java", BeamJava)
        flags = (
            *("--runner=DirectRunner", "--sql_engine=beam"),
            f"--expansion_service={java.expansion_address}",
        )
        return Runner(engine.name, flags, {"beam sql (java)": java.pids()["beam_java"]}, ends=True)
    found = runner("direct" if engine.name.startswith("direct") else engine.name, stack)
    return dataclasses.replace(found, name=engine.name)


@dataclasses.dataclass(frozen=True)
class FlinkBench(Bench):
    """A Bench whose job is an engine's.

    Args:
        kept: gets the rows of each run whose messages are kept.
    """

    engine: Engine
    workload: Workload
    driver: FlinkSql | None
    lookup: Lookup | None
    kept: list[Counter[str]] = dataclasses.field(default_factory=list)

    def script(self, topic: str, sink: str, to: LiveSink, *, with_times: bool = False) -> Path:
        return FlinkScript(
            self.workload,
            self.engine.dialect,
            brokers=self.kafka.brokers,
            registry=self.stack.server("registry", Registry).url,
            topic=topic,
            sink_topic=to.topic,
            group=fresh_name("bench"),
            lookup=self.lookup,
            follows=with_times,
        ).write(self.folder)

    @contextlib.contextmanager
    def started(self, runner: Runner, script: Path) -> Iterator[RunningJob]:
        if self.engine.name != REFERENCE:
            with super().started(runner, script) as job:
                yield job
            return
        assert self.driver is not None
        in_flink = FlinkSqlJob(self.driver, script, ends=runner.ends)
        try:
            yield in_flink
        finally:
            in_flink.kill()

    def digest(self, sink: LiveSink) -> str:
        self.kept.append(multiset(message.payload for message in sink.messages()))
        return ""
