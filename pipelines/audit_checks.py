"""What is asked before the first poll: tables, types, the output, and what the runner allows."""

from __future__ import annotations

from collections.abc import Sequence

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_tables import PolledTable, TableRequest, shards_of
from pipeline_io.database import Database, masked
from pipelines.audit_options import AuditConfig
from pipelines.audit_session import AuditPlace, AuditSession
from pipelines.audit_steps import ShardTask
from pipelines.change_outputs import check_output, open_output
from pipelines.options import FlagError
from pipelines.runner_flags import KafkaReader, RunnerOptions
from pipelines.runners import Kind, Runner, choose_runner, kind_of, prepare_options
from transforms.envelope_records import EnvelopeEncoder
from transforms.envelope_types import EnvelopeError

HERE = (Kind.LOCAL, Kind.PRISM)
"""Runners whose workers are on this machine."""
_SQLITE = "sqlite"


def prepared_runner(config: AuditConfig, options: PipelineOptions) -> Runner:
    """The runner, with the flags that it needs. Raises FlagError for what it cannot do."""
    kind = kind_of(options)
    if kind is Kind.DATAFLOW:
        runner = choose_runner(options)
    else:
        # Nothing reads Kafka here; Java's reader is what cannot end.
        options.view_as(RunnerOptions).kafka_reader = KafkaReader.NATIVE.value
        runner = prepare_options(options, follow=False)
    if kind in HERE:
        if kind is Kind.LOCAL and config.readers > 1:
            direct = options.view_as(DirectOptions)
            direct.direct_num_workers = config.readers
            direct.direct_running_mode = "multi_threading"
        return runner
    if config.output.is_file:
        message = (
            f"--output={config.output.place} is a file of this machine, and {kind.value} writes "
            "from several; leave out --runner, or take kafka, pubsub: or bigquery:"
        )
        raise FlagError(message)
    addresses = {"state": config.state, "database": config.database}
    for flag, address in addresses.items():
        if address.startswith(_SQLITE):
            message = (
                f"--{flag}={address} is a file of this machine, and the workers of {kind.value} "
                "are on others; take a database that they reach, such as "
                "postgresql+psycopg://HOST/DATABASE"
            )
            raise FlagError(message)
        if not address.startswith("spanner:") and Database(address).url.password:
            message = (
                f"--{flag}={masked(address)} holds a password, which {kind.value} would keep and "
                f"show; take it out, and give --{flag}_password a reference"
            )
            raise FlagError(message)
    return runner


def described(session: AuditSession, requests: Sequence[TableRequest]) -> list[PolledTable]:
    """The tables as they are. Raises FlagError for what is not there, AuditError where the
    database does not answer."""
    found = []
    for request in requests:
        try:
            found.append(session.database.describe(request))
        except AuditError as error:
            if error.__cause__ is not None:
                message = f"--database: {error}"
                raise AuditError(message) from error
            message = f"--tables={request.name}: {error}"
            raise FlagError(message) from error
    return found


def tasks_of(tables: Sequence[PolledTable]) -> list[ShardTask]:
    """The shards of all tables."""
    return [ShardTask(table, shard) for table in tables for shard in shards_of(table.request)]


def check_writing(config: AuditConfig, place: AuditPlace, tables: Sequence[PolledTable]) -> None:
    """Whether the tables' rows can be written as events. Raises FlagError, and what the output
    raises: a registry that refuses a schema says so before a row is read."""
    output = open_output(config.output, "check")
    try:
        for table in tables:
            try:
                envelope = place.source_of(table).envelope_table(table.columns, table.key)
                encoder = EnvelopeEncoder(envelope, output.registrar)
            except EnvelopeError as error:
                message = f"--tables={table.label}: {error}"
                raise FlagError(message) from error
            encoder.register()
    finally:
        output.close()


def told_of_output(
    config: AuditConfig, place: AuditPlace, tables: Sequence[PolledTable]
) -> list[str]:
    """Asks the output; what is worth telling, a line each. Raises what it raises."""
    topics = sorted({place.source_of(table).topic for table in tables})
    return check_output(config.output, topics)
