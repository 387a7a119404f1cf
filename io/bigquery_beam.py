"""Rows written by Beam's own sink, of Java, in place of the native one.

It takes one row at a time from Python to Java, and needs an expansion service. What it cannot do is
done before it: tables are made by the native sink's means, since it ignores partitioning, and never
knows a JSON column.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.io.gcp.bigquery import BigQueryDisposition, WriteToBigQuery
from apache_beam.pvalue import PCollection
from apache_beam.utils.timestamp import Timestamp

from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_log import RefusedRows, TableLayout, TableRows
from pipeline_io.bigquery_log_sink import BigQueryLogSink
from pipeline_io.bigquery_types import ColumnType, parse_type

_DESTINATION = "_destination"

# JSON goes as text; the other two are no types of Beam's sink by these names.
_TYPES = {"JSON": str, "INT64": np.int64, "FLOAT64": np.float64, "BOOL": bool}
_KINDS = ("STRING", "BYTES", "INT64", "FLOAT64", "BOOL", "TIMESTAMP", "JSON", "STRUCT")


class _DeclareTables(beam.DoFn):
    """TableRows, each after its table is made, to rows that Beam's sink takes."""

    def __init__(self, config: BigQueryConfig, layout: TableLayout) -> None:
        self.config = config
        self.layout = layout
        self._sink: BigQueryLogSink | None = None
        self._tables: set[str] = set()

    def process(self, element: TableRows) -> Iterator[dict[str, Any]]:
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
        yield from beam_rows(f"{self.config.project}:{self.config.dataset}.{table}", rows)

    def teardown(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None


class WriteBigQueryLogByBeam(beam.PTransform[PCollection[TableRows], PCollection[RefusedRows]]):
    """Writes TableRows by Beam's Storage Write sink; gives RefusedRows, a row each.

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
        self.schema = beam_schema(layout)

    def expand(self, rows: PCollection[TableRows]) -> PCollection[RefusedRows]:
        exactly_once = self.config.has_offsets
        result: Any = (
            rows
            | "DeclareTables" >> beam.ParDo(_DeclareTables(self.config, self.layout))
            | "WriteByBeam"
            >> WriteToBigQuery(
                table=operator.itemgetter(_DESTINATION),
                schema=self.schema,
                method=WriteToBigQuery.Method.STORAGE_WRITE_API,
                # A table of its making would have no partitions, and no column of JSON.
                create_disposition=BigQueryDisposition.CREATE_NEVER,
                write_disposition=BigQueryDisposition.WRITE_APPEND,
                use_at_least_once=not exactly_once,
                triggering_frequency=self.triggering_seconds if exactly_once else 0,
                type_overrides=_TYPES,
                expansion_service=self.expansion_service,
            )
        )
        refused: PCollection[RefusedRows] = (
            result.failed_rows_with_errors | "RefusedByBeam" >> beam.Map(_refused)
        )
        return refused


def beam_schema(layout: TableLayout) -> dict[str, Any]:
    """The table's schema as Beam's sink takes it.

    Raises ValueError: a column that Beam's sink does not have.
    """
    parsed = [(name, parse_type(text)) for name, text in layout.columns]
    for name, of in parsed:
        _check(name, of)
    return {"fields": [of.field(name).to_api_repr() for name, of in parsed]}


def beam_rows(destination: str, rows: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Rows as Beam's sink takes them: its own class of times, no array that is NULL."""
    times = [f.name for f in rows.schema if pa.types.is_timestamp(f.type)]
    lists = [f.name for f in rows.schema if pa.types.is_list(f.type)]
    columns = {name: rows.column(name) for name in rows.schema.names}
    for name in times:
        columns[name] = columns[name].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    for row in pa.RecordBatch.from_pydict(columns).to_pylist():
        for name in times:
            row[name] = None if row[name] is None else Timestamp(micros=row[name])
        for name in lists:
            row[name] = row[name] or []
        yield {**row, _DESTINATION: destination}


def _check(name: str, of: ColumnType) -> None:
    if of.kind not in _KINDS:
        message = (
            f"the column {name!r} is {of}, which Beam's sink does not take from Python; expected "
            f"one of {', '.join(_KINDS)}, or write with the native sink"
        )
        raise ValueError(message)
    for field, inner in of.fields:
        _check(f"{name}.{field}", inner)


def _refused(failed: dict[str, Any]) -> RefusedRows:
    row = dict(failed["failed_row"])
    message = str(failed["error_message"])
    destination = str(row.pop(_DESTINATION, ""))
    values = {name: _plain(value) for name, value in row.items()}
    batch = pa.RecordBatch.from_pylist([values])
    table = destination.rpartition(".")[2]
    return RefusedRows(
        table, batch, ["RefusedByBigQuery"], [f"BigQuery refuses the row: {message}"]
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Timestamp):
        return value.to_utc_datetime(has_tz=True)
    if hasattr(value, "_asdict"):
        return {name: _plain(inner) for name, inner in value._asdict().items()}
    return value
