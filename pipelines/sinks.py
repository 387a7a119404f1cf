"""The sinks of a job: files, the terminal, topics, Splunk, BigQuery, tables of databases."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection

from pipeline_io.append_lines import AppendLines
from pipeline_io.bigquery_row_writer import WriteBigQueryRows
from pipeline_io.bigquery_row_writer import check as check_bigquery
from pipeline_io.database_sink_writer import WriteDatabaseRows
from pipeline_io.database_sink_writer import check as check_database
from pipeline_io.files import WriteLines
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_write_check import check_topic
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_writer import WriteTopic
from pipeline_io.printing import PrintLines
from pipeline_io.pubsub import WriteMessages
from pipeline_io.pubsub_check import check as check_pubsub
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_dataflow import dataflow_writer
from pipeline_io.spanner_row_writer import WriteSpannerRows
from pipeline_io.spanner_row_writer import check as check_spanner
from pipeline_io.splunk import WriteEvents
from pipeline_io.splunk_check import check as check_splunk
from pipeline_io.splunk_config import SplunkConfig
from pipelines.bigquery_tables import row_table
from pipelines.database_tables import check_address, database_table
from pipelines.kafka_tables import kafka_cluster, schema_registry
from pipelines.runners import PubSubWriter, Runner
from pipelines.spanner_tables import spanner_table
from transforms.dead_letters import Origin
from transforms.refused import RefusedToDeadLetters
from transforms.sql.beam_sql_job import MixedPlan
from transforms.sql.connectors_kafka_sink import SINK_VALUE_FORMATS
from transforms.sql.connectors_splunk import check_splunk_options
from transforms.sql.errors import SqlError, SqlErrors, errors_of
from transforms.sql.job import Job
from transforms.sql.messages import wanted_attributes
from transforms.sql.plan import Plan
from transforms.sql.run import utc_now
from transforms.sql.sink_format import SinkFormat, sink_format
from transforms.sql.tables import Table

Batches = PCollection[pa.RecordBatch]


def topic_sink(sink: Table) -> TopicSink:
    """The Kafka topic that a table is. Raises SqlError at the option that does not fit."""
    written = sink_format(sink)
    if written not in SINK_VALUE_FORMATS:
        message = (
            f"a sink's 'value.format' is {' or '.join(map(repr, SINK_VALUE_FORMATS))}, "
            f"not {written!r}"
        )
        raise SqlError(message, sink.option_node("value.format"))
    topic = str(sink.options.get("topic", ""))
    if not topic or ";" in topic or "topic-pattern" in sink.options:
        message = f"{sink.name} is written to, and a sink has one 'topic'"
        raise SqlError(message, sink.option_node("topic"))
    try:
        cluster = kafka_cluster(sink.options)
        return TopicSink(cluster, topic, headers=wanted_attributes(sink))
    except KafkaConfigError as error:
        raise SqlError(str(error), sink.node.this) from error


def needs_registry(sink: Table) -> bool:
    """Whether the keys or values of a topic's messages have a schema that is filed."""
    formats = (sink_format(sink), sink.options.get("key.format"))
    return any(str(each).endswith("avro-confluent") for each in formats)


def pubsub_config(sink: Table) -> PubsubConfig:
    """The Pub/Sub topic that a table is. Raises SqlError."""
    try:
        return PubsubConfig.from_options(sink.options)
    except ValueError as error:
        raise SqlError(str(error), sink.node.this) from error


def splunk_config(sink: Table) -> SplunkConfig:
    """The HTTP Event Collector that a table is. Raises SqlError, SqlErrors."""
    check_splunk_options(sink.node, sink.options)
    try:
        return SplunkConfig.from_options(sink.options)
    except ValueError as error:
        raise SqlError(str(error), sink.node.this) from error


def check_sink_texts(job: Job, plan: Plan) -> None:
    """Reads the options and formats of all sinks. Asks nobody. Raises SqlErrors."""
    errors: list[SqlError] = []
    results = [one.result for one in plan.beam_sql] if isinstance(plan, MixedPlan) else []
    for branch in (*plan.branches, *results):
        sink = branch.sink
        try:
            match sink.connector.name:
                case "kafka":
                    topic_sink(sink)
                    if needs_registry(sink):
                        schema_registry(sink)
                case "pubsub":
                    pubsub_config(sink)
                case "splunk-hec":
                    splunk_config(sink)
                case "bigquery":
                    row_table(sink)
                case "spanner":
                    spanner_table(sink)
                case "jdbc":
                    database_table(sink)
                    check_address(sink, job)
            SinkFormat(branch, None)
        except (SqlError, SqlErrors) as error:
            for one in errors_of(error):
                # A format knows its columns, and not where the script declares them.
                placed = one if one.span is not None else SqlError(str(one), sink.node.this)
                errors.append(job.located(placed))
    if errors:
        raise SqlErrors(list({str(error): error for error in errors}.values()))


def check_sinks(plan: Plan, schema_evolution: str | None = None) -> None:
    """Asks each sink whether it can be written to, before a record is read.

    schema_evolution: the flag's. Raises BigQueryError, DatabaseError, KafkaError, PubsubError,
    RegistryError, SecretError, SpannerError, SplunkError.
    """
    for sink in plan.sinks():
        match sink.connector.name:
            case "kafka":
                check_topic(topic_sink(sink))
                if needs_registry(sink):
                    schema_registry(sink).check()
            case "pubsub":
                check_pubsub(pubsub_config(sink))
            case "splunk-hec":
                check_splunk(splunk_config(sink))
            case "bigquery":
                check_bigquery(row_table(sink, schema_evolution))
            case "spanner":
                check_spanner(spanner_table(sink))
            case "jdbc":
                check_database(database_table(sink))


class SchemaRegistrar:
    """Files the schemas of sinks in their registries (transforms.sql.sink_format.Registrar)."""

    def register(self, sink: Table, subject: str, schema: str) -> int:
        return schema_registry(sink).register(subject, schema)


def write_rows(
    sink: Table,
    rows: tuple[Batches, ...],
    runner: Runner,
    origin: Origin,
    *,
    ends: bool,
    schema_evolution: str | None = None,
    hides_values: bool = False,
) -> list[Batches]:
    """Writes batches of SINK_ROWS to a sink; dead letters of what it refused, if it may refuse.

    ends: whether the collections do, so that a file can be made whole at their end.
    schema_evolution: the flag's. hides_values: neither dead letters nor logs quote what a sink
    says of rows, since they have decrypted values.
    """
    match sink.connector.name:
        case "filesystem":
            path = str(sink.options["path"])
            # Two branches: a file of lines is made whole when all is written, or grows for ever.
            _ = rows | f"Write {sink.name}" >> (WriteLines(path) if ends else AppendLines(path))
            return []
        case "print":
            _ = rows | f"Write {sink.name}" >> PrintLines()
            return []
    # One writer a collection and no Flatten: each is written in the very bundle that makes it,
    # and a runner says that a bundle is done only when its messages are confirmed.
    letters = []
    # A database's codes tell why without its text, and the writer has hidden that.
    writer_hides = hides_values
    hides_values = hides_values and sink.connector.name != "jdbc"
    for number, batches in enumerate(rows, start=1):
        name = f"{sink.name}{number if number > 1 else ''}"
        write = _writer(sink, name, runner, schema_evolution, hides_values=writer_hides)
        refused = batches | f"Write {name}" >> write
        to_letters = RefusedToDeadLetters(
            sink.name, origin, utc_now, hides_values=hides_values, counted_as=name
        )
        letters.append(refused | f"Refused by {name}" >> beam.ParDo(to_letters))
    return letters


def _writer(
    sink: Table,
    name: str,
    runner: Runner,
    schema_evolution: str | None,
    *,
    hides_values: bool,
) -> beam.PTransform[Any, Any]:
    """The step that writes to a sink and gives what it refuses. name: that its metrics have."""
    match sink.connector.name:
        case "kafka":
            return WriteTopic(topic_sink(sink), name)
        case "pubsub" if runner.pubsub_writer is PubSubWriter.RUNNER:
            write: beam.PTransform[Any, Any] = dataflow_writer(pubsub_config(sink))
            return write
        case "pubsub":
            return WriteMessages(pubsub_config(sink), name)
        case "splunk-hec":
            return WriteEvents(splunk_config(sink), name)
        case "bigquery":
            return WriteBigQueryRows(row_table(sink, schema_evolution), name)
        case "spanner":
            return WriteSpannerRows(spanner_table(sink), name)
        case "jdbc":
            table = dataclasses.replace(database_table(sink), hides_values=hides_values)
            return WriteDatabaseRows(table, name)
    message = f"no pipeline writes to the connector {sink.connector.name!r}"
    raise ValueError(message)


def files_written(plan: Plan) -> Mapping[str, str]:
    """Path of each sink that is a file, by the sink's name."""
    return {
        sink.name: str(sink.options["path"])
        for sink in plan.sinks()
        if sink.connector.name == "filesystem"
    }
