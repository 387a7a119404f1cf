"""Records, groups and scrapes for the tests of `kami lag` against the broker of the stack."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from click.testing import CliRunner
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client.parser import text_string_to_metric_families

from kami.cli import main
from kami.lag_exporter import LagCollector, Source, server
from kami.lag_kafka import KafkaLag
from kami.lag_metrics import kafka_answer
from kami.lag_question import Question
from kami.topics_wanted import Wanted
from tests.stack import servers


class LiveLag(contextlib.AbstractContextManager["LiveLag"]):
    """A cluster with groups of one test."""

    def __init__(self, kafka: servers.Kafka) -> None:
        self.brokers = kafka.brokers
        self._exit = contextlib.ExitStack()
        client = AdminClient({"bootstrap.servers": kafka.brokers, "log_level": 0})
        self.admin: AdminClient = self._exit.enter_context(client)

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def produce(self, topic: str, *times_ms: int, partition: int = 0) -> None:
        """A record for each time."""
        producer = Producer({"bootstrap.servers": self.brokers})
        for at in times_ms:
            producer.produce(topic, b"value", partition=partition, timestamp=at)
        assert producer.flush(30) == 0

    def transaction(self, topic: str, *times_ms: int, end: str = "commit_transaction") -> Producer:
        """Records of one transaction; `end` is `flush` for one that stays open."""
        producer = Producer({"bootstrap.servers": self.brokers, "transactional.id": topic})
        producer.init_transactions(30)
        producer.begin_transaction()
        for at in times_ms:
            producer.produce(topic, b"value", partition=0, timestamp=at)
        producer.flush(30)
        getattr(producer, end)(30)
        return producer

    def commit(self, group: str, topic: str, *offsets: int) -> None:
        """Lets the group stand at these offsets of the partitions 0, 1, ..."""
        places = [TopicPartition(topic, *one) for one in enumerate(offsets)]
        asked = [ConsumerGroupTopicPartitions(group, places)]
        self.admin.alter_consumer_group_offsets(asked)[group].result(timeout=30)

    def delete_before(self, topic: str, offset: int) -> None:
        """Lets the log of partition 0 begin there."""
        asked = [TopicPartition(topic, 0, offset)]
        for future in self.admin.delete_records(asked).values():
            future.result(timeout=30)

    def run(self, group: str, *options: str) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, rows and messages of `kami lag` for a group."""
        arguments = ["lag", "--brokers", self.brokers, "--group", group, "--output", "json"]
        result = CliRunner().invoke(main, [*arguments, *options])
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        return result.exit_code, rows, result.stderr

    def lags(self, group: str, *options: str) -> list[tuple[Any, ...]]:
        """(partition, committed, records, lost, note) of each row of a group, and 0 is the exit."""
        code, rows, told = self.run(group, *options)
        assert code == 0, told
        names = ("partition", "committed", "records", "lost", "note")
        return [tuple(row[name] for name in names) for row in rows]


class Scraped:
    """The samples of a scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """None without such a sample."""
        return self._samples.get((name, tuple(sorted(labels.items()))))


class Exporter:
    """`kami lag --listen` of this process."""

    def __init__(self, url: str, said: list[str]) -> None:
        self.url = url
        self.said = said

    def scrape(self) -> Scraped:
        answer = httpx.get(f"{self.url}/metrics", timeout=60)
        assert answer.status_code == 200
        return Scraped(answer.text)


@contextlib.contextmanager
def exporter_of(sources: list[Source], clock: Callable[[], float]) -> Iterator[Exporter]:
    """Serves within the block."""
    said: list[str] = []
    with server("127.0.0.1", 0, LagCollector(sources, said.append, clock)) as opened:
        thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Exporter(f"http://127.0.0.1:{opened.server_port}", said)
        finally:
            opened.shutdown()
            thread.join()


@contextlib.contextmanager
def kafka_exporter(brokers: str, groups: tuple[str, ...], seconds: float) -> Iterator[Exporter]:
    """Serves the lag of groups within the block; each scrape is a reading of its own."""
    lag = KafkaLag(lambda: Wanted(brokers=brokers), Question(groups), seconds)
    ticks = iter(range(0, 1_000_000, 10))
    source = Source("kafka", lambda: kafka_answer(lag.read()))
    try:
        with exporter_of([source], lambda: float(next(ticks))) as exporter:
            yield exporter
    finally:
        lag.close()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
