"""The tables of BigQuery that an SQL job writes to."""

from __future__ import annotations

from apache_beam.metrics.metric import MetricsFilter
from apache_beam.runners.runner import PipelineResult

from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_log import NAMESPACE
from pipeline_io.bigquery_row_table import Evolution, RowTable
from pipeline_io.bigquery_row_writer import LEFT_OUT
from pipeline_io.bigquery_upsert import Upserting
from pipelines.database_tables import check_keyed, delete_on_of
from pipelines.options import FlagError, JobConfig
from transforms.sql.bigquery_rows import table_columns
from transforms.sql.connectors_bigquery import MODE, SCHEMA_EVOLUTION, STALENESS, UPSERT
from transforms.sql.connectors_changes import DELETE_ON, ORDER_KEY
from transforms.sql.connectors_kafka_sink import names_of
from transforms.sql.errors import SqlError, did_you_mean
from transforms.sql.plan import Plan
from transforms.sql.tables import Table, column_type

CONNECTOR = "bigquery"


def row_table(sink: Table, evolution: str | None = None) -> RowTable:
    """The BigQuery table that a table is. evolution: the flag's, in place of the option.

    Raises SqlError, SqlErrors.
    """
    options = sink.options
    cluster_by = str(options.get("cluster-by", ""))
    partition_by = options.get("partition-by")
    upserting = _upserting(sink)
    control = upserting.delete_column if upserting is not None else None
    columns = [pair for pair in table_columns(sink) if pair[0] != control]
    try:
        return RowTable(
            BigQueryConfig(
                str(options["project"]),
                str(options["dataset"]),
                location=str(options.get("location", "")),
                retry_seconds=float(options["sink.retry-timeout"]),
            ),
            str(options["table"]),
            tuple(columns),
            create=options["create"] == "if-needed",
            partition_by=None if partition_by is None else str(partition_by),
            cluster_by=tuple(names_of(cluster_by)) if cluster_by else (),
            evolution=Evolution(evolution or str(options[SCHEMA_EVOLUTION])),
            upserting=upserting,
        )
    except ValueError as error:
        raise SqlError(str(error), sink.node.this) from error


def _upserting(sink: Table) -> Upserting | None:
    """How rows change the table; None where they are appended. Raises SqlError."""
    options = sink.options
    if options[MODE] != UPSERT:
        for name in (DELETE_ON, ORDER_KEY, STALENESS):
            if name in options:
                message = f"{name!r} is of the mode upsert: add {MODE!r} = {UPSERT!r}, or drop it"
                raise SqlError(message, sink.option_node(name))
        return None
    if not sink.primary_key:
        message = f"{MODE!r} = {UPSERT!r} needs a key: declare PRIMARY KEY (...) NOT ENFORCED"
        raise SqlError(message, sink.option_node(MODE))
    check_keyed(sink, DELETE_ON, ORDER_KEY)
    found = delete_on_of(sink)
    order = options.get(ORDER_KEY)
    if order is not None:
        known = {column.name: column for column in sink.physical_columns()}
        if str(order) not in known or not column_type(known[str(order)]).is_string:
            message = (
                f"{ORDER_KEY!r} names {order!r}, which is no STRING column of the sink; "
                f"{did_you_mean(str(order), known)}"
            )
            raise SqlError(message, sink.option_node(ORDER_KEY))
    staleness = options.get(STALENESS)
    return Upserting(
        sink.primary_key,
        deletes=found is not None,
        delete_column=None if found is None else found.column,
        delete_value="" if found is None else found.value,
        order_column=None if order is None else str(order),
        staleness_seconds=None if staleness is None else int(float(staleness)),
    )


def check_evolution_flag(plan: Plan, config: JobConfig) -> None:
    """FlagError for --schema_evolution where nothing would take it."""
    if config.schema_evolution is not None and not config.sinks_are_files:
        if not any(sink.connector.name == CONNECTOR for sink in plan.sinks()):
            message = (
                f"--schema_evolution={config.schema_evolution}: it is for tables of BigQuery, and "
                "this job writes to none; leave it out"
            )
            raise FlagError(message)


def left_out_of(result: PipelineResult) -> int:
    """The values, not NULL, that were left out since a table has no column for them."""
    wanted = MetricsFilter().with_namespace(NAMESPACE)
    return sum(
        int(counter.committed if counter.committed is not None else counter.attempted)
        for counter in result.metrics().query(wanted)["counters"]
        if counter.key.metric.name.rpartition("/")[2] == LEFT_OUT
    )
