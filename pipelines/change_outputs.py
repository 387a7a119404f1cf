"""Where change events go that this project makes itself, from polls and from change streams.

`kafka`: topics PREFIX.SCHEMA.TABLE as a connector writes them. `pubsub:PROJECT/TOPIC`: the events
as JSON. `duckdb:FILE` and `bigquery:PROJECT`: the change log of the source, without a broker.

    output = open_output(config, token)
    encoder = EnvelopeEncoder(table, output.registrar)
    first = output.next_offset(table.topic, partition)
    output.write(encoder.encode(before, after, op, ts_ms, source, first, partition).records)
    refused = output.flush()
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Protocol

import pyarrow as pa

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_write_check import check_topic
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.pubsub_check import check as check_pubsub
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.schema_registry import SchemaRegistry
from pipelines.change_log_options import BIGQUERY, DUCKDB
from pipelines.options import FlagError
from transforms.envelope_records import Registrar

KAFKA, PUBSUB = "kafka", "pubsub:"
KINDS = f"{KAFKA}, {PUBSUB}PROJECT/TOPIC, {DUCKDB}FILE or {BIGQUERY}PROJECT"


class ChangeOutput(Protocol):
    """Takes records of change events. For one thread; a process may have several.

    Every method may raise what stops a job (KafkaError, PubsubError, RegistryError,
    WarehouseError); then what was not flushed is not there, or is there and comes again.
    """

    @property
    def registrar(self) -> Registrar:
        """Where the records' schemas are filed."""

    def next_offset(self, topic: str, partition: int) -> int:
        """The offset that the next record of a partition has."""

    def write(self, records: pa.RecordBatch) -> None:
        """Adds records (RECORD_SCHEMA) of one topic and one partition, in their order."""

    def flush(self) -> list[pa.RecordBatch]:
        """All records are durable when it returns, but for these (REFUSED_ROWS), which were refused
        for good."""

    def close(self) -> None:
        """Drops what is not flushed, and ends all connections."""


@dataclasses.dataclass(frozen=True)
class OutputConfig:
    """What --output and its companions say; travels to the workers.

    place: as --output has it. source_name: the dataset of a change log. Raises FlagError.
    """

    place: str
    source_name: str
    brokers: str | None = None
    kafka_properties: Mapping[str, str] = dataclasses.field(default_factory=dict)
    schema_registry: str | None = None

    def __post_init__(self) -> None:
        kind, _, rest = self.place.partition(":")
        if self.place != KAFKA and (f"{kind}:" not in (PUBSUB, DUCKDB, BIGQUERY) or not rest):
            message = f"--output={self.place}: expected {KINDS}"
            raise FlagError(message)
        given = {"kafka_brokers": self.brokers, "schema_registry": self.schema_registry}
        for flag, value in given.items():
            if self.is_kafka and value is None:
                message = f"--output={KAFKA} needs --{flag}"
                raise FlagError(message)
            if not self.is_kafka and value is not None:
                message = f"--{flag} is of --output={KAFKA}, not of {self.place}; leave it out"
                raise FlagError(message)
        if self.is_kafka:
            _ = self.cluster, self.registry
        if self.is_pubsub:
            _ = self.pubsub

    @property
    def is_kafka(self) -> bool:
        return self.place == KAFKA

    @property
    def is_pubsub(self) -> bool:
        return self.place.startswith(PUBSUB)

    @property
    def is_file(self) -> bool:
        """Whether only processes of this machine, one at a time, can write there."""
        return self.place.startswith(DUCKDB)

    @property
    def is_log(self) -> bool:
        return self.place.startswith((DUCKDB, BIGQUERY))

    @property
    def cluster(self) -> KafkaCluster:
        try:
            return KafkaCluster(self.brokers or "", self.kafka_properties)
        except KafkaConfigError as error:
            message = f"--kafka_brokers, --kafka_property: {error}"
            raise FlagError(message) from error

    @property
    def registry(self) -> SchemaRegistry:
        try:
            return SchemaRegistry.from_text(self.schema_registry or "")
        except ValueError as error:
            message = f"--schema_registry: {error}"
            raise FlagError(message) from error

    @property
    def pubsub(self) -> PubsubConfig:
        project, slash, topic = self.place.removeprefix(PUBSUB).partition("/")
        try:
            if not slash:
                message = f"expected {PUBSUB}PROJECT/TOPIC"
                raise ValueError(message)
            return PubsubConfig(project, topic, content_type="application/json", ordering_key=True)
        except ValueError as error:
            message = f"--output={self.place}: {error}"
            raise FlagError(message) from error


def check_output(config: OutputConfig, topics: Iterable[str]) -> list[str]:
    """Asks whether the output can be written to; what is worth telling, a line each.

    topics: of the records. Raises KafkaError, RegistryError, PubsubError.
    """
    if config.is_kafka:
        config.registry.check()
        return [check_topic(TopicSink(config.cluster, topic)).describe() for topic in topics]
    if config.is_pubsub:
        check_pubsub(config.pubsub)
        return [str(config.pubsub)]
    return [f"the change log of {config.source_name} in {config.place}"]


def open_output(config: OutputConfig, token: str) -> ChangeOutput:
    """The output, connected when it is first written to.

    token: names the run, whose threads in one process share a change log.
    """
    # A worker that writes to Kafka needs no DuckDB, nor the other way round.
    if config.is_kafka:
        from pipelines.change_outputs_kafka import KafkaOutput

        return KafkaOutput(config.cluster, config.registry)
    if config.is_pubsub:
        from pipelines.change_outputs_pubsub import PubsubOutput

        return PubsubOutput(config.pubsub)
    from pipelines.change_outputs_log import LogOutput

    return LogOutput(config.place, config.source_name, token)
