"""The sources of a job: its recordings and topics, opened before it starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.kafka_java import KafkaIORead, ReadTopicsWithKafkaIO
from pipeline_io.kafka_reader import TURN_SECONDS, WAIT_SECONDS, ReadTopics
from pipeline_io.kafka_source import KafkaSource
from pipeline_io.kafka_topics import ReadPlan, commit, plan_read
from pipeline_io.pubsub_reader import ReadSubscription
from pipeline_io.pubsub_reader_bounded import SubscriptionRun
from pipeline_io.pubsub_subscription import SubscriptionConfig
from pipeline_io.recording import ReadRecording, Recording, RecordingSchemas
from pipelines.java_reader import java_transforms
from pipelines.kafka_tables import KafkaRun, kafka_source, schema_registry
from pipelines.options import JobConfig
from pipelines.pubsub_tables import NoSchemas, open_subscription, subscriptions_of
from pipelines.runner_flags import KafkaReader
from pipelines.runners import Kind, Runner
from pipelines.windowed import sources_by_time
from transforms.avro import SchemaSource
from transforms.sql.beam_sql_job import MixedPlan
from transforms.sql.errors import SqlError
from transforms.sql.job import Job
from transforms.sql.tables import Table


@dataclasses.dataclass(frozen=True)
class Source:
    """A table that a job reads: the transform that gives its records, and their schemas.

    told: what will be read, for a person. kafka: the topics and what of them a run reads, where
    this process knows it. topics: the table's own, where `read` is the same for several tables.
    subscription: what this process reads of one and acknowledges itself.
    """

    table: Table
    read: beam.PTransform[Any, Any]
    schemas: SchemaSource
    told: str | None = None
    kafka: ReadPlan | None = None
    topics: tuple[str, ...] = ()
    subscription: SubscriptionRun | None = None

    @property
    def commits_itself(self) -> bool:
        """Whether a reader tells its server, bundle by bundle, what need not come again."""
        endless = self.kafka is not None and not self.kafka.source.bounded
        return endless or isinstance(self.read, ReadSubscription)


def recording(table: Table) -> Recording:
    """The recording that a table of that connector reads."""
    topic = table.options.get("topic")
    return Recording(str(table.options["path"]), None if topic is None else str(topic))


def reads_kafka(plan: MixedPlan) -> bool:
    return any(source.connector.name == "kafka" for source in plan.sources())


def reads_kafka_alone(plan: MixedPlan) -> bool:
    return all(source.connector.name == "kafka" for source in plan.sources())


def topics_of(
    job: Job, plan: MixedPlan, config: JobConfig, runner: Runner, *, goes_on: bool = False
) -> dict[str, KafkaSource]:
    """The Kafka sources of a job by the table's name. Asks nobody. Raises SqlError.

    goes_on: whether this run goes on where the one before has committed.
    """
    run = KafkaRun(
        # A run of a row of runs ends, though the row does not.
        follow=config.follow and runner.streams,
        repeated=config.follow and not runner.streams,
        start="committed" if goes_on else config.kafka_start,
        keeps_positions=runner.kind in (Kind.FLINK, Kind.DATAFLOW),
        batch_size=config.batch_size,
    )
    found = {}
    for table in plan.sources():
        if table.connector.name != "kafka":
            continue
        try:
            found[table.name] = kafka_source(table, run)
            schema_registry(table)
            if config.follow and not runner.streams and found[table.name].group is None:
                message = (
                    "--follow on DirectRunner needs a group, which knows after a run what was "
                    "read: add 'properties.group.id' (--kafka_group)"
                )
                raise SqlError(message, table.option_node("properties.group.id"))
        except SqlError as error:
            raise job.located(error) from error
    return found


def check_subscriptions(job: Job, plan: MixedPlan, runner: Runner) -> dict[str, SubscriptionConfig]:
    """The subscriptions of a job by the table's name. Asks nobody. Raises SqlError."""
    try:
        return subscriptions_of(plan, runner)
    except SqlError as error:
        raise job.located(error) from error


def open_sources(
    job: Job,
    plan: MixedPlan,
    config: JobConfig,
    options: PipelineOptions,
    runner: Runner,
    *,
    goes_on: bool = False,
) -> list[Source]:
    """The sources of a plan, each asked whether it is there; for `goes_on` see topics_of.

    Raises what `pipelines.command` tells of: RecordingError, KafkaError, RegistryError, SqlError,
    PubsubError.
    """
    subscriptions = check_subscriptions(job, plan, runner)
    topics = topics_of(job, plan, config, runner, goes_on=goes_on)
    java_reads = (
        _java_reads(plan, topics, options, runner)
        if runner.kafka_reader is KafkaReader.JAVA
        else {}
    )
    sources = []
    for table in plan.sources():
        if table.name in subscriptions:
            opened = open_subscription(
                table, subscriptions[table.name], config, runner, goes_on=goes_on
            )
            sources.append(
                Source(table, opened.read, NoSchemas(), opened.told, subscription=opened.run)
            )
            continue
        if table.name not in topics:
            recording(table).check()
            schemas = RecordingSchemas(str(table.options["path"]))
            read = ReadRecording(recording(table), config.batch_size)
            sources.append(Source(table, read, schemas))
            continue
        if not goes_on:
            schema_registry(table).check()
        if table.name in java_reads:
            source, given = topics[table.name], java_reads[table.name]
            told = source.describe(runner_keeps=True)
            sources.append(Source(table, given, schema_registry(table), told, topics=source.topics))
            continue
        planned = plan_read(topics[table.name])
        told = f"{table.name}: {planned.describe()}"
        native = ReadTopics(
            topics[table.name],
            planned,
            in_this_process=runner.streams and runner.kind is Kind.LOCAL,
            wait_seconds=WAIT_SECONDS if len(topics) == 1 else TURN_SECONDS,
        )
        sources.append(Source(table, native, schema_registry(table), told, planned))
    return sources


def _java_reads(
    plan: MixedPlan,
    topics: Mapping[str, KafkaSource],
    options: PipelineOptions,
    runner: Runner,
) -> dict[str, ReadTopicsWithKafkaIO]:
    """The KafkaIO of each table. Tables that are read alike share one, which reads all of their
    topics: each costs a Java stage of its own, and two of them in one job have hung on Flink."""
    timed = sources_by_time(plan)
    alike: dict[tuple[str, bool], list[str]] = {}
    for name, source in topics.items():
        # A pattern is nobody else's; of topics everything but their names has to be the same.
        rest = dataclasses.replace(source, topics=("any",)) if source.topics else name
        alike.setdefault((repr(rest), name in timed), []).append(name)
    reads: dict[str, ReadTopicsWithKafkaIO] = {}
    for (_, by_time), names in alike.items():
        every = tuple(dict.fromkeys(topic for name in names for topic in topics[name].topics))
        source = topics[names[0]]
        whole = dataclasses.replace(source, topics=every) if source.topics else source
        java = java_transforms(options, runner, whole.cluster)
        read = ReadTopicsWithKafkaIO(KafkaIORead(whole, java, event_time=by_time))
        # Before the job: a worker would tell of a wrong password by a trace of Java's.
        read.config.check()
        reads |= dict.fromkeys(names, read)
    return reads


def offsets_to_read(sources: Sequence[Source]) -> int | None:
    """Offsets and messages that a run of these sources reads at most; None where nobody knows.

    Raises PubsubError: a subscription that cannot be read any more.
    """
    if any(source.kafka is None and source.subscription is None for source in sources):
        return None
    offsets = sum(source.kafka.offsets for source in sources if source.kafka is not None)
    runs = [source.subscription for source in sources if source.kafka is None]
    return offsets + sum(run.waiting() for run in runs if run is not None)


def commit_all(sources: Sequence[Source]) -> None:
    """Commits what a run has read, when its sinks have the data. Raises KafkaError, PubsubError."""
    for source in sources:
        if source.kafka is not None and source.kafka.source.bounded:
            commit(source.kafka.source, source.kafka)
        if source.subscription is not None:
            source.subscription.acknowledge()


def ended_text(sources: Sequence[Source]) -> str:
    """Why a run without --follow has ended."""
    runs = [source.subscription for source in sources if source.subscription is not None]
    if not runs:
        return "the end of the topics is reached; --follow goes on with what comes"
    idle = max(run.idle_seconds for run in runs)
    return f"no message has come for {idle:g} s; --follow goes on with what comes"
