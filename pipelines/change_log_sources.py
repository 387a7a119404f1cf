"""What a change log reads: a recording, or topics of Kafka; and who wrote what is in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

import apache_beam as beam
import pyarrow as pa

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_edges import Edges
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_java import JavaTransforms, KafkaIORead, ReadTopicsWithKafkaIO
from pipeline_io.kafka_reader import ReadTopics
from pipeline_io.kafka_source import KafkaSource, Start
from pipeline_io.kafka_topics import plan_read
from pipeline_io.recording import ReadRecording, Recording, RecordingSchemas
from pipeline_io.schema_registry import SchemaRegistry
from pipelines.change_log_options import ChangeLogConfig
from pipelines.change_log_step import of_interest
from pipelines.kafka_tables import registry_at
from pipelines.options import FlagError
from pipelines.sources import Source
from transforms.avro import SchemaSource, choose_decoder
from transforms.change_log_servers import Sighting, sightings
from transforms.sql.tables import Table


@dataclasses.dataclass(frozen=True)
class _Topics:
    """Stands where an SQL job has the table that it reads."""

    name: str
    options: Mapping[str, str]


def _table(config: ChangeLogConfig) -> Table:
    brokers = {"properties.bootstrap.servers": config.job.live.get("kafka_brokers", "")}
    return cast("Table", _Topics("the topics", brokers))


def kafka_source(config: ChangeLogConfig, *, streams: bool, goes_on: bool) -> KafkaSource:
    """The topics as the flags say. Asks nobody. Raises FlagError.

    streams: read for ever. goes_on: from where the run before has committed.
    """
    live = config.job.live
    group = live.get("kafka_group")
    start = "committed" if goes_on or group is not None else "earliest"
    try:
        return KafkaSource(
            KafkaCluster(live["kafka_brokers"], config.kafka_properties),
            config.topics,
            config.pattern,
            group,
            Start.parse(start if goes_on else config.job.kafka_start or start),
            bounded=not (config.job.follow and streams),
            batch_size=config.job.batch_size,
            discovery_seconds=config.discovery_seconds or None,
        )
    except KafkaConfigError as error:
        raise FlagError(str(error)) from error


def schemas_of(config: ChangeLogConfig) -> SchemaSource:
    """The writers' schemas. Raises FlagError."""
    if config.recording is not None:
        return RecordingSchemas(config.recording)
    try:
        return registry_at(config.job.live["schema_registry"], config.registry_options)
    except ValueError as error:
        message = f"--schema_registry: {error}"
        raise FlagError(message) from error


def open_source(
    config: ChangeLogConfig, *, streams: bool, java: JavaTransforms | None, goes_on: bool
) -> Source:
    """The source, asked whether it is there. Raises RecordingError, KafkaError, RegistryError."""
    schemas = schemas_of(config)
    if config.recording is not None:
        found = Recording(config.recording)
        found.check()
        read = ReadRecording(found, config.job.batch_size)
        return Source(_table(config), read, schemas)
    source = kafka_source(config, streams=streams, goes_on=goes_on)
    if not goes_on:
        cast("SchemaRegistry", schemas).check()
    if java is not None:
        given: beam.PTransform[Any, Any] = ReadTopicsWithKafkaIO(KafkaIORead(source, java))
        told = source.describe(runner_keeps=True)
        return Source(_table(config), given, schemas, told, topics=source.topics)
    plan = plan_read(source)
    told = f"the topics: {plan.describe()}"
    return Source(_table(config), ReadTopics(source, plan), schemas, told, plan)


def first_look(config: ChangeLogConfig) -> list[Sighting]:
    """The servers whose events are there now: all of a recording's, those at the ends of the
    topics of Kafka and where one server follows another."""
    schemas, decoder = schemas_of(config), choose_decoder(config.job.decoder)
    found: list[Sighting] = []
    if config.recording is not None:
        recording = Recording(config.recording)
        recording.check()
        for batch in recording.batches(config.job.batch_size):
            kept = of_interest(batch, config.topics, config.pattern)
            found += sightings(kept, schemas, decoder)
        return found
    source = kafka_source(config, streams=False, goes_on=False)

    def look(batch: pa.RecordBatch) -> tuple[Sighting, ...]:
        return tuple(sightings(batch, schemas, decoder))

    seen = Edges(source, look, lambda each: each[0].identity if each else None).look()
    return [each for group in seen for each in group]
