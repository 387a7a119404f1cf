"""Rows written by Beam's own sink, of Java, in place of the native one.

It takes one row at a time from Python to Java, and needs an expansion service. What it cannot do is
done before it: tables are made by the native sink's means, since it ignores partitioning, and never
knows a JSON column.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.bigquery import BigQueryDisposition, StorageWriteToBigQuery
from apache_beam.pvalue import PCollection
from apache_beam.transforms.external import BeamJarExpansionService, SchemaAwareExternalTransform

from pipeline_io.bigquery_beam_rows import addressed_class, beam_rows, plain_rows
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_log import RefusedRows, TableLayout, TableRows
from pipeline_io.bigquery_log_sink import BigQueryLogSink

_JAR = "sdks:java:io:google-cloud-platform:expansion-service:build"
_REFUSED = StorageWriteToBigQuery.FAILED_ROWS_WITH_ERRORS


class _DeclareTables(beam.DoFn):
    """TableRows, each after its table is made, to rows that Beam's sink takes."""

    def __init__(self, config: BigQueryConfig, layout: TableLayout) -> None:
        self.config = config
        self.layout = layout
        self._sink: BigQueryLogSink | None = None
        self._tables: set[str] = set()

    def setup(self) -> None:
        addressed_class(self.layout.columns)

    def process(self, element: TableRows) -> Iterator[Any]:
        table, rows = element
        if self._sink is None:
            self._sink = BigQueryLogSink.of(self.config)
        if table not in self._tables:
            self._sink.ensure_table(
                table,
                self.layout.columns,
                partition_by=self.layout.partition_by,
                cluster_by=self.layout.cluster_by,
            )
            self._tables.add(table)
        destination = f"{self.config.project}:{self.config.dataset}.{table}"
        yield from beam_rows(self.layout.columns, destination, rows)

    def teardown(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None


class _TakeRefused(beam.DoFn):
    """What Beam's sink gives back, to RefusedRows."""

    def __init__(self, layout: TableLayout) -> None:
        self.layout = layout

    def setup(self) -> None:
        addressed_class(self.layout.columns)

    def process(self, element: Any) -> Iterator[RefusedRows]:
        rows = plain_rows(self.layout.columns, [element.failed_row])
        message = f"BigQuery refuses the row: {element.error_message}"
        yield RefusedRows("", rows, ["RefusedByBigQuery"], [message])


class WriteBigQueryLogByBeam(beam.PTransform[PCollection[TableRows], PCollection[RefusedRows]]):
    """Writes TableRows by Beam's Storage Write sink; gives RefusedRows, a row each, without the
    name of a table: Beam does not tell it.

    The config's `exactly_once` is Beam's, which no local runner has for a stream; settings of
    requests and retries are Beam's own. triggering_seconds: how often a stream is committed, for
    exactly once in streaming. expansion_service: HOST:PORT; None is Beam's own.

    Raises ValueError: a column that Beam's sink does not have.
    """

    def __init__(
        self,
        config: BigQueryConfig,
        layout: TableLayout,
        expansion_service: str | None = None,
        triggering_seconds: int = 5,
    ) -> None:
        super().__init__()
        self.config = config
        self.layout = layout
        self.expansion_service = expansion_service
        self.triggering_seconds = triggering_seconds
        self.element = addressed_class(layout.columns)

    def expand(self, rows: PCollection[TableRows]) -> PCollection[RefusedRows]:
        exactly_once = self.config.has_offsets
        # WriteToBigQuery would make named tuples of the columns, and none of theirs may start with
        # `_`: this is what it does besides.
        declare = beam.ParDo(_DeclareTables(self.config, self.layout))
        result: Any = (
            rows
            | "DeclareTables" >> declare.with_output_types(self.element)
            | "WriteByBeam"
            >> SchemaAwareExternalTransform(
                identifier=StorageWriteToBigQuery.IDENTIFIER,
                expansion_service=self.expansion_service or BeamJarExpansionService(_JAR),
                rearrange_based_on_discovery=True,
                table=StorageWriteToBigQuery.DYNAMIC_DESTINATIONS,
                # A table of its making would have no partitions, and no column of JSON.
                create_disposition=BigQueryDisposition.CREATE_NEVER,
                write_disposition=BigQueryDisposition.WRITE_APPEND,
                triggering_frequency_seconds=self.triggering_seconds if exactly_once else 0,
                auto_sharding=False,
                num_streams=0,
                use_at_least_once_semantics=not exactly_once,
                use_cdc_writes=False,
                primary_key=None,
                clustering_fields=[],
                big_lake_configuration=None,
                error_handling={"output": _REFUSED},
            )
        )
        refused: PCollection[RefusedRows] = result[_REFUSED] | "RefusedByBeam" >> beam.ParDo(
            _TakeRefused(self.layout)
        )
        return refused
