"""An SQL job from a topic to a topic, over one that becomes longer."""

from __future__ import annotations

import time
from pathlib import Path

import confluent_kafka

from tests.benchmarks.growth_figures import Measured
from tests.benchmarks.growth_load import VariedLoad, varied_records
from tests.benchmarks.growth_pace import Pace
from tests.benchmarks.live_jobs import JobFailed, runner, started
from tests.benchmarks.live_script import LiveScript
from tests.stack.databases import fresh_name
from tests.stack.servers import Kafka, Registry
from tests.stack.session import Session
from tests.stack.topics import Topics

SERIES = "Kafka to Kafka, DirectRunner"
_SLOWEST_PER_SECOND = 2_000
# What was written is counted by offsets; nobody reads it, and the disk must not fill.
_FORGETS = {"retention.bytes": str(1 << 30), "segment.bytes": str(1 << 28)}


class JobGrowth:
    """A topic of one partition that gets more and more records, and runs over all of them."""

    def __init__(self, stack: Session, folder: Path, pace: Pace) -> None:
        self._stack = stack
        self._folder = folder
        self._pace = pace
        self._kafka = stack.server("kafka", Kafka)
        self._registry = stack.server("registry", Registry).url
        self._topics = Topics(self._kafka)
        varied = varied_records(self._registry, truncates=True)
        self._load = VariedLoad(self._kafka.brokers, varied, compression="lz4")
        self._topic = self._topics(name="items")
        self._sent = 0

    def run(self, records: int) -> list[Measured]:
        """One run over so many records. Raises JobFailed, ValueError: there are more already."""
        if records < self._sent:
            message = f"the topic has {self._sent:,} records already; sizes must grow"
            raise ValueError(message)
        self._load.fill(self._topic, records - self._sent, start=self._sent)
        self._sent = records
        sink = self._topics(name="events", config=_FORGETS)
        script = LiveScript(
            brokers=self._kafka.brokers,
            registry=self._registry,
            topic=self._topic,
            sink="kafka",
            sink_topic=sink,
            group=fresh_name("growth"),
        ).write(self._folder)
        began = time.perf_counter()
        with started(runner("direct", self._stack), script) as job:
            patience = 300 + records / _SLOWEST_PER_SECOND
            used = job.end(by_itself=True, patience_seconds=patience)
        seconds = time.perf_counter() - began
        pace = self._pace.over(seconds)
        if (written := self._end_of(sink)) != records:
            message = f"{written:,} messages of {records:,} records"
            raise JobFailed(message)
        cpu = sum(one.cpu_seconds for one in used.values())
        peak = sum(one.peak_mebibytes for one in used.values())
        return [Measured(SERIES, records, seconds, cpu, peak, pace)]

    def _end_of(self, topic: str) -> int:
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": self._kafka.brokers, "group.id": "growth"}
        )
        try:
            place = confluent_kafka.TopicPartition(topic, 0)
            return int(consumer.get_watermark_offsets(place, timeout=30)[1])
        finally:
            consumer.close()

    def close(self) -> None:
        self._topics.close()
