"""The tables of BigQuery that an SQL job writes to."""

from __future__ import annotations

from apache_beam.metrics.metric import MetricsFilter
from apache_beam.runners.runner import PipelineResult

from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_log import NAMESPACE
from pipeline_io.bigquery_row_table import Evolution, RowTable
from pipeline_io.bigquery_row_writer import LEFT_OUT
from pipelines.options import FlagError, JobConfig
from transforms.sql.bigquery_rows import table_columns
from transforms.sql.connectors_bigquery import SCHEMA_EVOLUTION
from transforms.sql.connectors_kafka_sink import names_of
from transforms.sql.errors import SqlError
from transforms.sql.plan import Plan
from transforms.sql.tables import Table

CONNECTOR = "bigquery"


def row_table(sink: Table, evolution: str | None = None) -> RowTable:
    """The BigQuery table that a table is. evolution: the flag's, in place of the option.

    Raises SqlError, SqlErrors.
    """
    options = sink.options
    cluster_by = str(options.get("cluster-by", ""))
    partition_by = options.get("partition-by")
    columns = table_columns(sink)
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
        )
    except ValueError as error:
        raise SqlError(str(error), sink.node.this) from error


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
    wanted = MetricsFilter().with_namespace(NAMESPACE).with_name(LEFT_OUT)
    return sum(
        int(counter.committed if counter.committed is not None else counter.attempted)
        for counter in result.metrics().query(wanted)["counters"]
    )
