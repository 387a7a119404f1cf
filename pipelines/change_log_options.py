"""Flags of the change log pipeline, and their checks."""

from __future__ import annotations

import argparse
import dataclasses
import enum
import re
from collections.abc import Mapping

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.encryption_options import add_encryption_flags, fields_of
from pipelines.options import FlagError, JobConfig
from pipelines.registry_flags import add_registry_property, registry_options
from pipelines.source_flags import (
    add_kafka_property,
    check_foreign,
    check_source_name,
    kafka_property,
)
from pipelines.warehouse_flags import add_once
from transforms.encryption_rules import FieldRules
from transforms.sql.connectors import OptionValue

KAFKA, RECORDING = "kafka", "recording:"
DUCKDB, BIGQUERY = "duckdb:", "bigquery:"


class BigQueryMethod(enum.Enum):
    """Who appends rows to BigQuery: this project's own writer, or Beam's sink in Java."""

    NATIVE = "native"
    BEAM = "beam"


_TOPIC = re.compile(r"[A-Za-z0-9._-]+")

_TEXTS = {
    "--source": "What to read: kafka, or recording:DIR, a folder with records.jsonl and "
    "schemas.json.",
    "--source_name": "The source's name, which its dataset in the warehouse has. Default: the "
    "connector's topic prefix.",
    "--warehouse": "Where to write: duckdb:FILE or bigquery:PROJECT.",
    "--database": "The database that the source is; events of others are passed over. Default: "
    "that of the first event, and events of others are dead letters.",
    "--topics": "Topics, as names with commas between or as a regular expression of whole names. "
    "Default with a recording: all.",
}
_FOREIGN = (
    "variable",
    "explain",
    "recording",
    "sql_engine",
    "schema_evolution",
    "pubsub_project",
    "pubsub_topic",
)
"""Flags of SQL jobs, which mean nothing here."""


class ChangeLogOptions(PipelineOptions):
    """Flags of this pipeline; those that other pipelines of a warehouse have too are added once."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        for flag, text in _TEXTS.items():
            add_once(parser, flag, help=text)
        add_kafka_property(parser)
        add_registry_property(parser)
        add_once(
            parser,
            "--bigquery_method",
            choices=[method.value for method in BigQueryMethod],
            default=BigQueryMethod.NATIVE.value,
            help="Who appends rows to BigQuery: native, or beam, Beam's sink in Java. "
            "Default: native.",
        )
        add_once(
            parser,
            "--exactly_once",
            action="store_true",
            help="BigQuery: each record is in the log once, whatever is repeated; without it the "
            "log may have repeats, which the god view counts once.",
        )
        add_once(
            parser,
            "--discovery_seconds",
            type=float,
            default=30.0,
            help="How often to look for new topics and partitions with --follow. Default: 30.",
        )
        add_encryption_flags(parser)


@dataclasses.dataclass(frozen=True)
class ChangeLogConfig:
    """The flags, checked. Raises FlagError.

    recording: the folder, None where Kafka is read. topics: names, or `pattern`, or neither.
    """

    job: JobConfig
    warehouse: str
    recording: str | None
    source_name: str | None = None
    database: str | None = None
    topics: tuple[str, ...] = ()
    pattern: str | None = None
    kafka_properties: Mapping[str, str] = dataclasses.field(default_factory=dict)
    discovery_seconds: float = 30.0
    bigquery_method: BigQueryMethod = BigQueryMethod.NATIVE
    exactly_once: bool = False
    fields: FieldRules | None = None
    registry_options: Mapping[str, OptionValue] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_options(cls, options: PipelineOptions) -> ChangeLogConfig:
        hints = {"recording": "a recording is --source=recording:DIR"}
        check_foreign(options, _FOREIGN, "runs no SQL", hints)
        flags = options.view_as(ChangeLogOptions)
        job = JobConfig.from_options(options, "change_log")
        topics, pattern = _topics(flags.topics)
        config = cls(
            job,
            _warehouse(flags.warehouse),
            _recording(flags.source),
            None if flags.source_name is None else check_source_name(flags.source_name),
            flags.database,
            topics,
            pattern,
            dict(kafka_property(text) for text in flags.kafka_property or ()),
            flags.discovery_seconds,
            BigQueryMethod(flags.bigquery_method),
            flags.exactly_once,
            fields_of(flags),
            registry_options(flags.registry_property or ()),
        )
        config.check_source()
        config.check_warehouse()
        return config

    def check_warehouse(self) -> None:
        if self.warehouse.startswith(BIGQUERY):
            return
        if self.bigquery_method is not BigQueryMethod.NATIVE:
            message = (
                f"--bigquery_method={self.bigquery_method.value} is of BigQuery, and "
                f"--warehouse={self.warehouse} is a file; leave it out"
            )
            raise FlagError(message)
        if self.exactly_once:
            message = (
                f"--exactly_once is of BigQuery: its streams know at which offset a row stands, "
                f"and --warehouse={self.warehouse} has none; leave it out: the god view counts "
                "repeats once"
            )
            raise FlagError(message)

    def check_source(self) -> None:
        if self.recording is not None:
            live = [flag for flag in ("kafka_brokers", "kafka_group") if flag in self.job.live]
            if live or self.job.follow:
                flag = f"--{live[0]}" if live else "--follow"
                message = f"{flag} is of --source=kafka, and a recording is read; leave out one"
                raise FlagError(message)
            return
        for flag in ("kafka_brokers", "schema_registry"):
            if flag not in self.job.live:
                message = f"--source=kafka needs --{flag}"
                raise FlagError(message)
        if not self.topics and self.pattern is None:
            message = (
                "--source=kafka needs --topics: names with commas between, or a regular "
                r"expression such as --topics='shop\..*'"
            )
            raise FlagError(message)
        if self.job.follow and "kafka_group" not in self.job.live:
            message = "--follow needs --kafka_group, which knows after a restart what was read"
            raise FlagError(message)


def _warehouse(given: str | None) -> str:
    kinds = f"{DUCKDB}FILE or {BIGQUERY}PROJECT"
    if given is None:
        message = f"--warehouse is missing: expected {kinds}"
        raise FlagError(message)
    kind, _, place = given.partition(":")
    if f"{kind}:" not in (DUCKDB, BIGQUERY) or not place:
        message = f"--warehouse={given}: expected {kinds}"
        raise FlagError(message)
    return given


def _recording(given: str | None) -> str | None:
    if given is not None and given.startswith(RECORDING) and len(given) > len(RECORDING):
        return given.removeprefix(RECORDING)
    if given != KAFKA:
        told = "--source is missing" if given is None else f"--source={given}"
        message = f"{told}: expected kafka or recording:DIR"
        raise FlagError(message)
    return None


def _topics(given: str | None) -> tuple[tuple[str, ...], str | None]:
    """Names, or a pattern: what has any other character than names have."""
    if given is None:
        return (), None
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    if names and all(_TOPIC.fullmatch(name) for name in names):
        return names, None
    try:
        re.compile(given)
    except re.error as error:
        message = f"--topics={given}: no names, and no regular expression: {error}"
        raise FlagError(message) from error
    return (), given
