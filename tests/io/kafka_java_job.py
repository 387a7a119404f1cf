"""A small job that reads topics with KafkaIO and notes which records it has seen.

python -m tests.io.kafka_java_job '{"brokers": ..., "topics": ..., ...}' --runner=...
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_java import JavaTransforms, KafkaIORead, ReadTopicsWithKafkaIO
from pipeline_io.kafka_source import KafkaSource, Start


class NoteRecords(beam.DoFn):
    """Writes partition, offset and age of each record into a file of the folder, once a bundle."""

    def __init__(self, folder: str, pause_seconds: float) -> None:
        self.folder = folder
        self.pause_seconds = pause_seconds

    def start_bundle(self) -> None:
        self.lines: list[str] = []

    def process(self, batch: pa.RecordBatch) -> None:
        time.sleep(self.pause_seconds)
        now = time.time()
        columns = batch.select(["topic", "partition", "offset", "timestamp"]).to_pydict()
        for topic, partition, offset, written in zip(
            columns["topic"],
            columns["partition"],
            columns["offset"],
            columns["timestamp"],
            strict=True,
        ):
            age = now - written.timestamp()
            self.lines.append(f"{topic} {partition} {offset} {age:.3f} {batch.num_rows}\n")

    def finish_bundle(self) -> None:
        # A line is written whole or not at all: what a killed worker leaves must be readable.
        with (Path(self.folder) / f"seen-{os.getpid()}").open("a") as file:
            file.write("".join(self.lines))
            file.flush()
            os.fsync(file.fileno())
        self.lines = []


def noted(folder: Path) -> Iterator[tuple[str, int, int, float]]:
    """Topic, partition, offset and age in seconds of each record that was seen."""
    for path in folder.glob("seen-*"):
        for line in path.read_text().splitlines():
            fields = line.split(" ")
            if len(fields) == 5:
                yield fields[0], int(fields[1]), int(fields[2]), float(fields[3])


def config_of(given: dict[str, Any]) -> KafkaIORead:
    source = KafkaSource(
        KafkaCluster(given["brokers"], given.get("properties", {})),
        topics=tuple(given.get("topics", ())),
        pattern=given.get("pattern"),
        start=Start.parse(given.get("start", "earliest")),
        group=given.get("group"),
        bounded=False,
        discovery_seconds=given.get("discovery_seconds"),
        batch_size=given.get("batch_size", 5_000),
    )
    java = JavaTransforms(
        given["expansion_service"],
        makes_batches=given.get("makes_batches", False),
        reads_secrets=given.get("reads_secrets", False),
    )
    return KafkaIORead(source, java, stop_after=given.get("stop_after"))


def build(pipeline: beam.Pipeline, given: dict[str, Any]) -> None:
    for number, read in enumerate(given.get("reads", [{}])):
        config = config_of({**given, **read})
        _ = (
            pipeline
            | f"Read {number}" >> ReadTopicsWithKafkaIO(config)
            | f"Note {number}"
            >> beam.ParDo(NoteRecords(given["folder"], given.get("pause_seconds", 0)))
        )


if __name__ == "__main__":
    from tests.io import kafka_java_job

    given = json.loads(sys.argv[1])
    pipeline = beam.Pipeline(options=PipelineOptions(sys.argv[2:]))
    # Under its own name, not as __main__: a worker finds the class by its module.
    kafka_java_job.build(pipeline, given)
    result = pipeline.run()
    sys.stdout.write("submitted\n")
    sys.stdout.flush()
    result.wait_until_finish()
