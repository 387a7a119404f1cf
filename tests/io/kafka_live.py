"""What tests that read from a real broker share."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline_io.kafka_reader import ReadTopics
from pipeline_io.kafka_source import KafkaSource, Start, StartMode
from pipeline_io.kafka_topics import ReadPlan, plan_read

READ: dict[str, list[pa.RecordBatch]] = {}
"""What the runner's worker, which is a thread of this process, has read, by test."""

MakeTopic = Callable[..., str]


class Keep(beam.DoFn):
    """Puts batches where the test finds them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def process(self, element: pa.RecordBatch) -> None:
        READ[self.name].append(element)


def run(source: KafkaSource, plan: ReadPlan | None = None) -> list[pa.RecordBatch]:
    """The batches that a run up to now reads."""
    name = str(time.monotonic_ns())
    READ[name] = []
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | ReadTopics(source, plan or plan_read(source)) | beam.ParDo(Keep(name))
    return READ.pop(name)


def values(batches: list[pa.RecordBatch]) -> list[str]:
    return [row["value"].decode() for batch in batches for row in batch.to_pylist()]


def produce(brokers: str, topic: str, texts: Iterator[str] | list[str], **given: Any) -> None:
    # Without it, a request that is sent again after an election changes the order.
    producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
    for text in texts:
        producer.produce(topic, text.encode(), **given)
    assert producer.flush(30) == 0


def numbers(count: int, start: int = 0) -> list[str]:
    return [str(number) for number in range(start, start + count)]


def group_of(source: KafkaSource) -> KafkaSource:
    return dataclasses.replace(
        source, group=f"group-{source.topics[0]}", start=Start(StartMode.COMMITTED)
    )


def delete_before(kafka: Any, name: str, offset: int) -> None:
    with AdminClient({"bootstrap.servers": kafka.brokers}) as admin:
        for future in admin.delete_records([TopicPartition(name, 0, offset)]).values():
            future.result()
