"""Which pipelines are Flex Templates, what each of them asks for, and why others are none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import aml, aml_velocity, change_log, splunk, sql_job
from pipelines.change_log_options import ChangeLogOptions

Main = Callable[[Sequence[str] | None], int]

_FLINK = "of Flink"
_KAFKA_NONE = "the pipeline reads no Kafka"
_SCRIPT = "of jobs whose script is given"

LEFT_OUT = {
    "follow": "always set: the reads of Dataflow have no end",
    "explain": "prints a plan, and starts no job",
    "recording": "a folder of one machine",
    "kafka_reader": "always java on Dataflow",
    "expansion_service": "always set: the image has the jar of the Java transforms",
    "java_batches": "always set: that jar has the project's Java classes",
    "java_reads_secrets": "Dataflow gives its Java workers no environment and no mounted files",
    "checkpointing_interval": _FLINK,
    "max_bundle_time_mills": _FLINK,
    "max_bundle_size": _FLINK,
    "checkpoint_timeout_millis": _FLINK,
    "number_of_execution_retries": _FLINK,
    "finish_bundle_before_checkpointing": _FLINK,
    "savepoint_path": _FLINK,
    "java_worker_pool": _FLINK,
    "state_backend_storage_path": _FLINK,
    "externalized_checkpoints_enabled": _FLINK,
    "retain_externalized_checkpoints_on_cancellation": _FLINK,
}
"""Options that no template has as a parameter, and why."""

_OF_SCRIPTS = {
    "variable": _SCRIPT,
    "sql_engine": _SCRIPT,
    "schema_evolution": "the pipeline writes to no table of BigQuery by a script",
}


@dataclasses.dataclass(frozen=True)
class Template:
    """A pipeline as a Flex Template.

    Args:
        options: the class of the pipeline's own flags.
        required: flags without which the pipeline starts no job on Dataflow.
        fixed: flags that each launch has.
        left_out: options that are no parameters, beside LEFT_OUT, and why.
        at_least_once: whether the job may run in the streaming mode of that name, in which Dataflow
            works on records twice: receivers drop repeats by their id, sums cannot.
        needs_java: whether a step of it may be one of Java.
    """

    pipeline: str
    title: str
    description: str
    options: type[PipelineOptions]
    main: Main
    required: tuple[str, ...]
    fixed: tuple[str, ...] = ("--follow",)
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    at_least_once: bool = True
    needs_java: bool = True

    @property
    def all_left_out(self) -> dict[str, str]:
        return {**LEFT_OUT, **self.left_out}


_EVENTS = ("kafka_brokers", "schema_registry", "pubsub_project", "pubsub_topic", "dead_letters")

TEMPLATES: Mapping[str, Template] = {
    template.pipeline: template
    for template in (
        Template(
            "aml",
            "Anti-money-laundering events",
            "Changes of bank transfers and card payments, read from Kafka as Debezium writes them, "
            "become events on Pub/Sub, with what the customer database knows of the customer.",
            aml.AmlOptions,
            aml.main,
            (*_EVENTS, "lookup_url"),
            left_out=_OF_SCRIPTS,
        ),
        Template(
            "aml_velocity",
            "Accounts with many transfers",
            "Transfers, read from Kafka as Debezium writes them, are counted by account in sliding "
            "windows; each account and window that reaches a limit is an event on Pub/Sub.",
            aml_velocity.AmlVelocityOptions,
            aml_velocity.main,
            _EVENTS,
            left_out=_OF_SCRIPTS,
            at_least_once=False,
        ),
        Template(
            "sql_job",
            "SQL job",
            "Runs an SQL script: its tables are sources, lookups and sinks, its INSERT statements "
            "what becomes of the records.",
            sql_job.SqlJobOptions,
            sql_job.main,
            ("job", "dead_letters"),
            # A script may have windows.
            at_least_once=False,
        ),
        Template(
            "splunk",
            "Pub/Sub to Splunk",
            "Sends the messages of a Pub/Sub subscription to Splunk's HTTP Event Collector. A "
            "message is acknowledged when Splunk has confirmed its event, or as a dead letter.",
            splunk.SplunkOptions,
            splunk.main,
            ("subscription", "splunk_url", "splunk_token", "dead_letters"),
            left_out={
                **_OF_SCRIPTS,
                "kafka_brokers": _KAFKA_NONE,
                "kafka_group": _KAFKA_NONE,
                "kafka_start": _KAFKA_NONE,
                "lag_group": _KAFKA_NONE,
                "schema_registry": _KAFKA_NONE,
                "job_holds_secrets": _KAFKA_NONE,
                "decoder": "the pipeline reads no Avro",
                "pubsub_topic": "the pipeline writes to no topic",
            },
            needs_java=False,
        ),
        Template(
            "change_log",
            "Change log in BigQuery",
            "Writes every change that Debezium has put into topics of Kafka to the change log of "
            "its table in BigQuery, of which kami makes the god view.",
            ChangeLogOptions,
            change_log.main,
            (
                "kafka_brokers",
                "schema_registry",
                "kafka_group",
                "topics",
                "source_name",
                "warehouse",
                "dead_letters",
            ),
            fixed=("--follow", "--source=kafka"),
            left_out={
                **_OF_SCRIPTS,
                "source": "always kafka: recordings are folders of one machine",
                "pubsub_project": "the pipeline writes to no topic",
                "pubsub_topic": "the pipeline writes to no topic",
            },
        ),
    )
}
"""The templates, by the pipeline's name."""

NO_TEMPLATES = {
    "audit_columns": "it commits what it has polled when a run has ended, which the process that "
    "launches a template does not live to see; run it on Kubernetes",
    "dead_letters": "a command for people: nothing that runs on",
    "snapshot": "it reads a database within one consistent read, from one process",
    "spanner_changes": "the threads of one process read a change stream; run it on Kubernetes",
}
"""Pipelines that are none, and why."""
