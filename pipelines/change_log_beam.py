"""The Beam steps that write a change log by Beam's own sink of BigQuery, in Java."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection, TaggedOutput

from kami.tables import (
    DEAD_LETTERS,
    SCHEMA_CHANGES,
    SOURCE_LAYOUTS,
    change_log_columns,
    change_log_of,
    warehouse_name,
)
from pipeline_io.bigquery_beam import WriteBigQueryLogByBeam
from pipeline_io.bigquery_chunks import Refused
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_log import RefusedRows, TableLayout, TableRows
from pipeline_io.bigquery_log_sink import BigQueryLogSink
from pipelines.change_log_letters import letters_of_refused
from pipelines.change_log_options import BIGQUERY
from pipelines.change_log_run import CLUSTER_BY, PARTITION_BY, LogTarget
from pipelines.change_log_step import RUNS, WriteChangeLog, count_refused
from transforms.avro import SchemaSource
from transforms.change_log_write import connector_of_log
from transforms.dead_letters import Origin
from transforms.sql.run import utc_now

_DEAD_LETTERS = "_dead_letters"
LAYOUTS = {
    connector: TableLayout(change_log_columns(source), PARTITION_BY, CLUSTER_BY)
    for connector, source in SOURCE_LAYOUTS.items()
    if connector != "mariadb"
}
"""What log tables are made like; Beam's sink writes tables of one layout."""


class MakeLogRows(WriteChangeLog):
    """Batches of records (RECORD_SCHEMA); yields batches of dead letters and, tagged with the name
    of a layout, TableRows. What the log needs besides them is durable at the end of the bundle."""

    def setup(self) -> None:
        # Rows belong to the bundle that has made them: no other thread may take them along.
        self._run_token = f"{self.token}-{uuid.uuid4().hex}"
        self._run = RUNS.get(self._run_token, self.target, self.schemas)

    def process(self, element: pa.RecordBatch) -> Iterator[Any]:
        found, letters = self.found(element)
        for table, batches in found.rows.items():
            for batch in batches:
                layout = connector_of_log(batch.schema)
                yield TaggedOutput(layout, TableRows(change_log_of(table), batch))
        yield from letters

    def teardown(self) -> None:
        self._run.close()
        RUNS.drop(self._run_token)


class KeepRefused(beam.DoFn):
    """RefusedRows as rows of `_dead_letters`, which are durable at the end of their bundle."""

    def __init__(self, target: LogTarget) -> None:
        project = target.warehouse.removeprefix(BIGQUERY)
        self.config = BigQueryConfig(project, target.source_name)
        self.hides_rows = target.fields is not None
        self._sink: BigQueryLogSink | None = None

    def start_bundle(self) -> None:
        if self._sink is None or not self._sink.is_idle:
            self.teardown()
            self._sink = BigQueryLogSink.of(self.config)
            self._sink.ensure_table(_DEAD_LETTERS, DEAD_LETTERS)

    def process(self, element: RefusedRows) -> None:
        if self._sink is None:
            message = "refused rows are given before start_bundle(), or after teardown()"
            raise RuntimeError(message)
        rows = element.rows.to_pylist()
        refused = [
            Refused(element.table or log_table_of(row), element.rows, number, *said)
            for number, (row, *said) in enumerate(
                zip(rows, element.error_classes, element.messages, strict=True)
            )
        ]
        letters = letters_of_refused(refused, utc_now(), hides_rows=self.hides_rows)
        self._sink.append(_DEAD_LETTERS, letters)
        count_refused(Counter(one.table.removesuffix(change_log_of("")) for one in refused))

    def finish_bundle(self) -> None:
        if self._sink is not None:
            self._sink.flush()
            # A letter that is refused too cannot be kept anywhere.
            letters_of_refused(self._sink.take_refused(), utc_now())

    def teardown(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None


class WriteLogByBeam(beam.PTransform[PCollection[pa.RecordBatch], PCollection[pa.RecordBatch]]):
    """Writes the records' rows by Beam's sink; gives batches of dead letters.

    Rows that BigQuery refuses are rows of `_dead_letters`. expansion_service: HOST:PORT; None is
    Beam's own.
    """

    def __init__(
        self,
        target: LogTarget,
        schemas: SchemaSource,
        origin: Origin,
        expansion_service: str | None,
    ) -> None:
        super().__init__()
        self.target = target
        self.step = MakeLogRows(target, schemas, origin, "beam")
        self.expansion_service = expansion_service

    def expand(self, records: PCollection[pa.RecordBatch]) -> PCollection[pa.RecordBatch]:
        project = self.target.warehouse.removeprefix(BIGQUERY)
        once = self.target.exactly_once
        config = BigQueryConfig(project, self.target.source_name, exactly_once=once)
        made = records | "MakeLogRows" >> beam.ParDo(self.step).with_outputs(
            *LAYOUTS, main="letters"
        )
        refused = [
            made[name]
            | f"Write_{name}" >> WriteBigQueryLogByBeam(config, layout, self.expansion_service)
            for name, layout in LAYOUTS.items()
        ]
        everything = refused | beam.Flatten()
        _ = everything | "KeepRefused" >> beam.ParDo(KeepRefused(self.target))
        letters: PCollection[pa.RecordBatch] = made["letters"]
        return letters


def log_table_of(row: dict[str, Any]) -> str:
    """The log table of a row, by what its source says: Beam's sink does not tell."""
    source = row.get("source") or {}
    if row.get("ddl") is not None or not source.get("table"):
        return change_log_of(SCHEMA_CHANGES)
    return change_log_of(warehouse_name(source.get("schema"), str(source["table"])))
