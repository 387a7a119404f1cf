"""KafkaIO gives what is in the topics, and what it cannot do is refused."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from confluent_kafka import Producer

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_java import JavaTransforms, KafkaIORead, ReadTopicsWithKafkaIO
from pipeline_io.kafka_source import KafkaSource, Start, StartMode, Uncommitted
from pipeline_io.record_schema import RECORD_SCHEMA
from tests.stack.servers import BeamJava, Kafka
from tests.stack.topics import Topics

LOCAL = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
WITH_JAVA = JavaTransforms("127.0.0.1:1", makes_batches=True)


def source(**fields: Any) -> KafkaSource:
    return KafkaSource(
        **{
            "cluster": KafkaCluster("127.0.0.1:9092"),
            "topics": ("items",),
            "bounded": False,
            **fields,
        }
    )


def test_a_read_up_to_the_end_of_the_topic_is_refused() -> None:
    with pytest.raises(KafkaConfigError, match="does not stop at the end"):
        KafkaIORead(source(bounded=True))


def test_given_offsets_are_refused() -> None:
    with pytest.raises(KafkaConfigError, match="does not start at given offsets"):
        KafkaIORead(source(start=Start(StartMode.OFFSETS, offsets={0: 5})))


def test_a_pattern_needs_the_projects_java() -> None:
    pattern = source(topics=(), pattern="shop[.].*")
    with pytest.raises(KafkaConfigError, match=r"the pattern 'shop\[\.\]\.\*'"):
        KafkaIORead(pattern)
    assert KafkaIORead(pattern, WITH_JAVA)


def test_a_read_by_event_time_does_not_look_for_partitions() -> None:
    looking = source(discovery_seconds=300.0)
    assert KafkaIORead(looking).discovery_seconds == 300
    assert KafkaIORead(source(discovery_seconds=12.0)).discovery_seconds == 12
    # Beam's Watch would hold the watermark back, and no window would ever end.
    assert KafkaIORead(looking, event_time=True).discovery_seconds is None


def test_records_that_come_late_need_the_projects_java() -> None:
    late = source(watermark_delay_seconds=5)
    with pytest.raises(KafkaConfigError, match="may be 5 s late"):
        KafkaIORead(late, event_time=True)
    assert KafkaIORead(late)
    assert KafkaIORead(late, WITH_JAVA, event_time=True)


@pytest.mark.parametrize(
    ("start", "reset", "group"),
    [
        (Start(StartMode.EARLIEST), "earliest", None),
        (Start(StartMode.LATEST), "latest", None),
        (Start(StartMode.TIMESTAMP, timestamp_millis=5), "earliest", None),
        (Start(StartMode.COMMITTED), "earliest", "group"),
        (Start(StartMode.COMMITTED, uncommitted=Uncommitted.LATEST), "latest", "group"),
        (Start(StartMode.COMMITTED, uncommitted=Uncommitted.NONE), "none", "group"),
    ],
)
def test_a_group_counts_where_its_offsets_are_asked_for(
    start: Start, reset: str, group: str | None
) -> None:
    config = KafkaIORead(source(start=start, group="group")).consumer_config()
    assert config["auto.offset.reset"] == reset
    assert config.get("group.id") == group
    assert config["enable.auto.commit"] == "false"
    assert config["isolation.level"] == "read_committed"


def _append(path: str, batch: pa.RecordBatch) -> None:
    rows = [{**row, "rows": batch.num_rows} for row in batch.to_pylist()]
    with Path(path).open("a") as file:
        file.writelines(f"{json.dumps(row, default=str)}\n" for row in rows)


@pytest.mark.parametrize("makes_batches", [False, True])
def test_every_column_of_every_record_arrives_in_batches(
    kafka: Kafka, beam_java: BeamJava, topic: Topics, tmp_path: Path, makes_batches: bool
) -> None:
    name = topic(partitions=2)
    producer = Producer({"bootstrap.servers": kafka.brokers, "enable.idempotence": True})
    for number in range(1_000):
        producer.produce(
            name,
            value=None if number % 5 == 0 else f"value {number}".encode(),
            key=None if number % 7 == 0 else f"key {number}".encode(),
            partition=number % 2,
            timestamp=1_700_000_000_000 + number,
            headers=[("number", str(number).encode()), ("none", None)] if number % 3 else None,
        )
    producer.flush()
    config = KafkaIORead(
        source(cluster=KafkaCluster(kafka.brokers), topics=(name,), batch_size=100),
        JavaTransforms(beam_java.expansion_address, makes_batches),
        stop_after=1_000,
    )
    seen = tmp_path / "seen"
    with beam.Pipeline(options=PipelineOptions([LOCAL])) as pipeline:
        batches = pipeline | ReadTopicsWithKafkaIO(config)
        _ = batches | beam.Map(functools.partial(_append, str(seen)))
    rows = [json.loads(line) for line in seen.read_text().splitlines()]
    assert max(row.pop("rows") for row in rows) == 100
    expected = [
        {
            "topic": name,
            "partition": number % 2,
            "offset": number // 2,
            "timestamp": 1_700_000_000_000 + number,
            "headers": (
                [
                    {"key": "number", "value": str(number).encode()},
                    {"key": "none", "value": None},
                ]
                if number % 3
                else []
            ),
            "key": None if number % 7 == 0 else f"key {number}".encode(),
            "value": None if number % 5 == 0 else f"value {number}".encode(),
        }
        for number in range(1_000)
    ]
    table = pa.Table.from_pylist(expected, schema=RECORD_SCHEMA)
    wanted = [json.loads(json.dumps(row, default=str)) for row in table.to_pylist()]
    assert sorted(rows, key=_place) == sorted(wanted, key=_place)
    for partition in (0, 1):
        offsets = [row["offset"] for row in rows if row["partition"] == partition]
        assert offsets == sorted(offsets)


def _place(row: dict[str, Any]) -> tuple[int, int]:
    return row["partition"], row["offset"]
