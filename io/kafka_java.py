"""Kafka topics read by Beam's KafkaIO, for runners that stream transforms of Java: Flink,
Dataflow and Prism. DirectRunner delivers nothing of them.

KafkaIO keeps its offsets in the runner's checkpoints, where a restored job goes on. It commits
none to Kafka: the Flink runner fails when it is asked to.
"""

from __future__ import annotations

import dataclasses

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.kafka import ReadFromKafka, default_io_expansion_service
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.transforms.external import ExternalTransform, ImplicitSchemaPayloadBuilder

from pipeline_io.kafka_columns import record_batch
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_java_secrets import PROVIDERS, java_reference
from pipeline_io.kafka_record_batch import BATCH_BYTES
from pipeline_io.kafka_rows import BatchRows
from pipeline_io.kafka_source import KafkaSource, StartMode, Uncommitted
from pipeline_io.kafka_topics import check_topics
from pipeline_io.secrets import SecretError

POLL_SECONDS = 1
"""KafkaIO hands over nothing before it has waited this long for records: its least."""
KAFKA_IO_POLL_SECONDS = 2
"""Its default, which counts as not set."""

BATCHES_URN = "kamiflow:kafka_batches:v1"


@dataclasses.dataclass(frozen=True)
class JavaTransforms:
    """Where Beam's Java transforms come from.

    Args:
        expansion_service: HOST:PORT of a service; None is Beam's own, which Beam fetches and
            starts.
        makes_batches: whether the service and its workers have this project's Java classes too:
            then a batch crosses to Python in one piece, in place of record by record, for a
            tenth of the work, and KafkaIO can do what it denies to Python.
        reads_secrets: whether the Java workers read the secrets, in their environment and from
            their files; else they are read now and are a part of the job.
    """

    expansion_service: str | None = None
    makes_batches: bool = False
    reads_secrets: bool = False


@dataclasses.dataclass(frozen=True)
class KafkaIORead:
    """What KafkaIO reads of a source. The start counts for a first run, not for a restored one.

    Args:
        event_time: whether the watermark follows the records' timestamps; else the clock.
        stop_after: the number of records after which the read ends. Without it, there is no end.

    Raises KafkaConfigError for what KafkaIO cannot do.
    """

    source: KafkaSource
    java: JavaTransforms = JavaTransforms()
    event_time: bool = False
    stop_after: int | None = None

    def __post_init__(self) -> None:
        source = self.source
        if source.bounded and self.stop_after is None:
            message = (
                f"{source.what}: KafkaIO does not stop at the end of a topic; follow the topics "
                "without an end (--follow), or run on DirectRunner, which reads up to now"
            )
            raise KafkaConfigError(message)
        if source.start.mode is StartMode.OFFSETS:
            message = (
                f"{source.what}: KafkaIO does not start at given offsets; choose the start "
                "earliest, latest, committed or timestamp, or run on DirectRunner"
            )
            raise KafkaConfigError(message)
        if not self.java.makes_batches:
            self._check_plain()

    def _check_plain(self) -> None:
        needs = "KafkaIO takes from Java alone"
        if self.source.pattern is not None:
            message = (
                f"the topics are the pattern {self.source.pattern!r}, which {needs}; name the "
                "topics, or start the expansion service with this project's Java classes"
            )
            raise KafkaConfigError(message)
        if self.event_time and self.source.watermark_delay_seconds:
            message = (
                f"records may be {self.source.watermark_delay_seconds} s late, which {needs}; "
                "use no delay, or start the expansion service with this project's Java classes"
            )
            raise KafkaConfigError(message)

    def check(self) -> None:
        """Asks the cluster from here, with the same user, for the topics: what it refuses a worker
        would tell as a trace of Java's, if at all. Raises KafkaError, SecretError.

        A login that only a class of Java knows is not tried.
        """
        if self.source.cluster.needs_java:
            return
        try:
            check_topics(self.source)
        except SecretError:
            # Nobody said that the workers' secrets are here as well.
            if not self.java.reads_secrets:
                raise

    def consumer_config(self) -> dict[str, str]:
        """Java's properties, with secrets or references. Raises KafkaConfigError, SecretError."""
        source = self.source
        config = {"isolation.level": source.isolation}
        if self.java.reads_secrets:
            config |= {**source.cluster.java_config(java_reference), **PROVIDERS}
        else:
            config |= source.cluster.java_config()
        config["enable.auto.commit"] = "false"
        config["auto.offset.reset"] = _reset(source)
        # With a group KafkaIO starts at the offsets that it has committed, whatever the start is.
        if source.start.mode is StartMode.COMMITTED and source.group is not None:
            config["group.id"] = source.group
        return config

    @property
    def poll_seconds(self) -> int:
        # A read that ends takes KafkaIO's other implementation, which has no timeout to be set.
        return POLL_SECONDS if self.stop_after is None else KAFKA_IO_POLL_SECONDS

    @property
    def discovery_seconds(self) -> int | None:
        """How often to look for new partitions; not where the read ends, nor by event time:
        what KafkaIO looks with (Beam's Watch) holds the watermark back, and no window would end."""
        seconds = self.source.discovery_seconds
        if seconds is None or self.stop_after is not None or self.event_time:
            return None
        return max(1, round(seconds))


def _reset(source: KafkaSource) -> str:
    """Where a partition starts that has no offset to start at."""
    start = source.start
    if start.mode is StartMode.LATEST:
        return Uncommitted.LATEST.value
    return (start.uncommitted if start.mode is StartMode.COMMITTED else Uncommitted.EARLIEST).value


class ReadTopicsWithKafkaIO(beam.PTransform[PBegin, PCollection[pa.RecordBatch]]):
    """Batches of records (RECORD_SCHEMA), in the order of each partition.

    A batch holds records of one bundle alone: what a checkpoint has passed was handed over. It has
    the time of its earliest record, so that the watermark passes none of its records.
    """

    def __init__(self, config: KafkaIORead) -> None:
        super().__init__()
        self.config = config

    def expand(self, begin: PBegin) -> PCollection[pa.RecordBatch]:
        config = self.config
        # Looked up when it is needed: Beam's own fetches a jar, and starts a Java.
        service = config.java.expansion_service or default_io_expansion_service()
        batches: PCollection[pa.RecordBatch]
        if config.java.makes_batches:
            batches = (
                begin
                | "KafkaIO" >> _batches_in_java(config, service)
                | "Columns" >> beam.Map(record_batch)
            )
            return batches
        rows = BatchRows(config.source.batch_size, BATCH_BYTES, by_record_time=config.event_time)
        batches = begin | "KafkaIO" >> _rows(config, service) | "BatchRows" >> beam.ParDo(rows)
        return batches


def _rows(config: KafkaIORead, service: object) -> ReadFromKafka:
    times = (
        ReadFromKafka.create_time_policy
        if config.event_time
        else ReadFromKafka.processing_time_policy
    )
    return ReadFromKafka(
        consumer_config=config.consumer_config(),
        topics=list(config.source.topics),
        start_read_time=config.source.start.timestamp_millis,
        max_num_records=config.stop_after,
        # On Flink 1.19 the job would restart for ever ("State backend must be locked").
        commit_offset_in_finalize=False,
        timestamp_policy=times,
        consumer_polling_timeout=config.poll_seconds,
        with_metadata=True,
        dynamic_read_poll_interval_seconds=config.discovery_seconds,
        expansion_service=service,
    )


def _batches_in_java(config: KafkaIORead, service: object) -> ExternalTransform:
    source = config.source
    fields = {
        "consumer_config": config.consumer_config(),
        "topics": list(source.topics),
        "topic_pattern": source.pattern,
        "start_milliseconds": source.start.timestamp_millis,
        "stop_after": config.stop_after,
        "poll_seconds": config.poll_seconds,
        "discovery_seconds": config.discovery_seconds,
        "watermark_delay_milliseconds": (
            round(source.watermark_delay_seconds * 1000) if config.event_time else None
        ),
        "batch_size": source.batch_size,
        "batch_bytes": BATCH_BYTES,
    }
    # A field's type is told by its value: those without one are left out, and null in Java.
    given = {name: value for name, value in fields.items() if value not in (None, [])}
    return ExternalTransform(BATCHES_URN, ImplicitSchemaPayloadBuilder(given), service)
