"""Flags of the pipeline that reads Spanner's change streams, and their checks."""

from __future__ import annotations

import argparse
import dataclasses
import datetime

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.database import Database
from pipeline_io.secrets import SCHEMES, Secret, is_reference
from pipeline_io.spanner_config import SpannerConfig
from pipelines.change_outputs import KINDS, OutputConfig
from pipelines.options import FlagError, JobConfig
from pipelines.source_flags import (
    add_kafka_property,
    check_foreign,
    kafka_property,
    required,
    required_source_name,
)
from pipelines.warehouse_flags import add_once

JOB = "spanner_changes"
READERS = 32
"""Partitions that are read at a time: one connection carries a hundred streams."""
MOST_READERS = 90
HEARTBEAT_SECONDS = 10.0
NOW = "now"

_TEXTS = {
    "--database": "Address of the database: spanner:PROJECT/INSTANCE/DATABASE.",
    "--change_stream": "Name of the change stream.",
    "--source_name": "The source's name: of its dataset in a warehouse, and the prefix of its "
    "topics.",
    "--output": f"Where changes go: {KINDS}.",
    "--state": "Address of the database that keeps what was read, such as sqlite:///state.db.",
    "--state_password": "Reference to the password of --state.",
    "--start": "Where the first run starts: now, or a time such as 2026-01-31T12:00:00Z. Later "
    "runs go on from --state. Default: now.",
    "--end": "Time up to which changes are read. Default: that of the start of this run; with "
    "--follow there is none.",
}
_FOREIGN = (
    "variable",
    "explain",
    "recording",
    "sql_engine",
    "schema_evolution",
    "decoder",
    "kafka_group",
    "kafka_start",
    "lag_group",
    "pubsub_project",
    "pubsub_topic",
)
"""Flags of other jobs, which mean nothing here."""


class SpannerChangesOptions(PipelineOptions):
    """Flags of this pipeline; those that others have too are added once."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        for flag, text in _TEXTS.items():
            add_once(parser, flag, help=text)
        add_once(
            parser,
            "--stream_readers",
            type=int,
            default=READERS,
            help=f"Partitions of the stream that are read at a time. Default: {READERS}.",
        )
        add_once(
            parser,
            "--heartbeat",
            type=float,
            default=HEARTBEAT_SECONDS,
            help="Seconds without a change after which Spanner says how far a partition is, 1 to "
            f"300. Default: {HEARTBEAT_SECONDS:g}.",
        )
        add_kafka_property(parser)


@dataclasses.dataclass(frozen=True)
class SpannerChangesConfig:
    """The flags, checked. Raises FlagError.

    start_us, end_us: microseconds since 1970; None is now, and no end with --follow.
    """

    job: JobConfig
    database: SpannerConfig
    change_stream: str
    source_name: str
    output: OutputConfig
    state: Database
    start_us: int | None = None
    end_us: int | None = None
    readers: int = READERS
    heartbeat_seconds: float = HEARTBEAT_SECONDS

    def __post_init__(self) -> None:
        if not 1 <= self.readers <= MOST_READERS:
            message = f"--stream_readers={self.readers}: expected 1 to {MOST_READERS}"
            raise FlagError(message)
        if not 1 <= self.heartbeat_seconds <= 300:
            message = f"--heartbeat={self.heartbeat_seconds:g}: expected 1 to 300 seconds"
            raise FlagError(message)
        if self.end_us is not None and self.job.follow:
            message = "--end and --follow contradict each other; leave out one"
            raise FlagError(message)
        if None not in (self.start_us, self.end_us) and (self.end_us or 0) < (self.start_us or 0):
            message = "--end is before --start; expected a later time"
            raise FlagError(message)

    @property
    def stream_key(self) -> str:
        """Names the stream and who reads it, in the state."""
        return f"{self.source_name}:{self.database.path}/changeStreams/{self.change_stream}"

    @classmethod
    def from_options(cls, options: PipelineOptions) -> SpannerChangesConfig:
        check_foreign(options, _FOREIGN, "reads a change stream")
        flags = options.view_as(SpannerChangesOptions)
        job = JobConfig.from_options(options, JOB)
        source_name = required_source_name(flags.source_name)
        return cls(
            job,
            _database(flags.database),
            required(flags.change_stream, "change_stream", "the name of the change stream"),
            source_name,
            OutputConfig(
                required(flags.output, "output", f"where changes go: {KINDS}"),
                source_name,
                job.live.get("kafka_brokers"),
                dict(kafka_property(text) for text in flags.kafka_property or ()),
                job.live.get("schema_registry"),
            ),
            _state(flags.state, flags.state_password),
            None if flags.start in (None, NOW) else _microseconds("start", flags.start),
            None if flags.end is None else _microseconds("end", flags.end),
            flags.stream_readers,
            flags.heartbeat,
        )


def _database(given: str | None) -> SpannerConfig:
    text = required(given, "database", "its address, spanner:PROJECT/INSTANCE/DATABASE")
    try:
        return SpannerConfig.of(text)
    except ValueError as error:
        message = f"--database: {error}"
        raise FlagError(message) from error


def _state(given: str | None, password: str | None) -> Database:
    address = required(
        given,
        "state",
        "the address of the database that keeps what was read, such as sqlite:///state.db",
    )
    if password is not None and not is_reference(password):
        # Never the value: it may be the password itself.
        message = f"--state_password is no reference; expected {', '.join(SCHEMES)}"
        raise FlagError(message)
    try:
        return Database(address, password=None if password is None else Secret(password))
    except ValueError as error:
        message = f"--state: {error}"
        raise FlagError(message) from None


def _microseconds(flag: str, text: str) -> int:
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = (
            f"--{flag}={text}: expected a time with its zone, such as 2026-01-31T12:00:00Z"
            f"{', or now' if flag == 'start' else ''}"
        )
        raise FlagError(message)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1)
