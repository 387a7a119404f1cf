"""Tables of the connector pubsub that are read: their options as a subscription, and its reader."""

from __future__ import annotations

import dataclasses
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline_io.pubsub_reader import ReadSubscription
from pipeline_io.pubsub_reader_bounded import ReadUntilEmpty, SubscriptionRun
from pipeline_io.pubsub_reader_dataflow import dataflow_reader
from pipeline_io.pubsub_subscription import SubscriptionConfig
from pipeline_io.pubsub_subscription_check import check_subscription
from pipelines.options import FlagError, JobConfig
from pipelines.runners import Kind, Runner, kind_of
from pipelines.windowed import sources_by_time
from transforms.sql.beam_sql_job import MixedPlan
from transforms.sql.connectors_pubsub_source import SUBSCRIPTION
from transforms.sql.errors import SqlError
from transforms.sql.json_source_types import check_message_columns
from transforms.sql.plan import Plan
from transforms.sql.tables import Table

_RUNS: dict[SubscriptionConfig, SubscriptionRun] = {}


@dataclasses.dataclass(frozen=True)
class OpenSubscription:
    """The reader of a subscription. run: what this process acknowledges itself, if it does."""

    read: beam.PTransform[Any, Any]
    told: str
    run: SubscriptionRun | None = None


class NoSchemas:
    """Messages without writer schemas (transforms.avro.SchemaSource)."""

    def schema(self, schema_id: int) -> str:
        message = "the messages of a subscription have no writer schemas"
        raise LookupError(message)


def reads_pubsub(plan: Plan) -> bool:
    return any(source.connector.name == "pubsub" for source in plan.sources())


def check_pubsub_flags(plan: Plan, config: JobConfig, options: PipelineOptions) -> None:
    """Refuses a run that could not end. Raises FlagError."""
    kind = kind_of(options)
    if reads_pubsub(plan) and not config.follow and kind is not Kind.LOCAL:
        message = (
            f"a subscription has no end, and on {kind.value} a job reads it for ever: give "
            "--follow, or leave out --runner to read until it is empty on DirectRunner"
        )
        raise FlagError(message)


def subscription_config(table: Table) -> SubscriptionConfig:
    """The subscription that a table is. Asks nobody. Raises SqlError."""
    options = table.options
    try:
        return SubscriptionConfig(
            project=str(options["project-name"]),
            subscription=str(options[SUBSCRIPTION]),
            outstanding_messages=int(options["scan.max-outstanding-messages"]),
            outstanding_bytes=int(options["scan.max-outstanding-bytes"]),
            deadline_seconds=int(options["scan.ack-deadline"]),
            streams=int(options["scan.streams"]),
            stall_seconds=float(options["scan.stall-timeout"]),
            endpoint=str(options.get("endpoint", "")),
        )
    except ValueError as error:
        raise SqlError(str(error), table.node.this) from error


def subscriptions_of(plan: MixedPlan, runner: Runner) -> dict[str, SubscriptionConfig]:
    """The subscriptions of a job by the table's name. Asks nobody. Raises SqlError."""
    found: dict[str, SubscriptionConfig] = {}
    for table in plan.sources():
        if table.connector.name != "pubsub":
            continue
        check_message_columns(table)
        config = subscription_config(table)
        if table.name in sources_by_time(plan):
            message = (
                f"{table.name} is a subscription, whose messages come in any order: statements "
                "that look at several rows read topics of Kafka"
            )
            raise SqlError(message, table.node.this)
        for name, other in found.items():
            if other.path == config.path:
                message = (
                    f"{table.name} and {name} are the same subscription, which gives each message "
                    "to one of them; declare one table, or make a second subscription"
                )
                raise SqlError(message, table.option_node(SUBSCRIPTION))
        if runner.kind is Kind.DATAFLOW:
            _for_dataflow(table, config, 1)
        found[table.name] = config
    return found


def open_subscription(
    table: Table,
    config: SubscriptionConfig,
    job: JobConfig,
    runner: Runner,
    *,
    goes_on: bool = False,
) -> OpenSubscription:
    """The reader of a subscription, asked whether it is there unless the job goes on.

    Raises PubsubError, SqlError.
    """
    if runner.kind is Kind.DATAFLOW:
        told = f"{table.name}: {config}, read by Dataflow's own reader"
        return OpenSubscription(_for_dataflow(table, config, job.batch_size), told)
    if not goes_on:
        check_subscription(config)
    if runner.streams:
        readers = int(table.options["scan.parallelism"])
        told = f"{table.name}: {config}"
        return OpenSubscription(ReadSubscription(config, job.batch_size, readers), told)
    run = _RUNS.get(config)
    if run is None:
        idle = float(table.options["scan.idle-timeout"])
        run = _RUNS[config] = SubscriptionRun(config, repeated=job.follow, idle_seconds=idle)
    run.open()
    told = f"{table.name}: {config}"
    if not job.follow:
        told += f", until no message has come for {run.idle_seconds:g} s"
    return OpenSubscription(ReadUntilEmpty(run, job.batch_size), told, run)


def close_subscriptions() -> None:
    """Gives back what runs of this process have read and not acknowledged."""
    while _RUNS:
        _RUNS.popitem()[1].close()


def _for_dataflow(table: Table, config: SubscriptionConfig, batch_size: int) -> Any:
    try:
        return dataflow_reader(config, batch_size)
    except ValueError as error:
        raise SqlError(str(error), table.option_node("endpoint")) from error
