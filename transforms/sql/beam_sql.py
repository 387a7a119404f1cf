"""Runs the part of a statement that Beam SQL does: rows, SqlTransform, rows."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection
from apache_beam.transforms import window
from apache_beam.transforms.sql import SqlTransform
from apache_beam.utils.timestamp import Duration, Timestamp

from transforms.dead_letters import Origin
from transforms.sql.beam_sql_columns import beam_row_type
from transforms.sql.beam_sql_job import MixedJobText
from transforms.sql.beam_sql_plan import BeamSqlBranch, BeamSqlInput
from transforms.sql.beam_sql_rows import DEAD_LETTERS, FinishRows, PayloadsToRows, RowsToTuples
from transforms.sql.in_process import LookupOpener
from transforms.sql.run import utc_now
from transforms.sql.windows import Window, WindowKind
from transforms.sql.windows_lateness import KeyAlike, RefuseLateRows


@dataclasses.dataclass(frozen=True)
class BeamSqlOutputs:
    """What a statement gives: batches for its sink (SINK_ROWS), and dead letters."""

    rows: PCollection[pa.RecordBatch]
    dead_letters: PCollection[pa.RecordBatch]


class BeamSqlError(RuntimeError):
    """Beam SQL did not take a query, or its expansion service is not there. The job stops."""


def window_fn(over: Window, delay: int) -> window.WindowFn:
    """Beam's windows for a window of SQL, later by `delay` microseconds."""
    size, slide = Duration(micros=over.size), Duration(micros=over.slide)
    if over.kind is WindowKind.SESSION:
        return window.Sessions(size)
    offset = Timestamp(micros=delay % over.slide)
    if over.kind is WindowKind.HOP:
        return window.SlidingWindows(size, slide, offset)
    return window.FixedWindows(size, offset)


class RunBeamSql(beam.PTransform[Any, Any]):
    """A statement's part for Beam SQL, over batches of the rows of its inputs (a dict by the
    inputs' names); gives BeamSqlOutputs.

    expansion_service: address of the service that knows SqlTransform; None lets Beam start its
    own.
    """

    def __init__(
        self,
        branch: BeamSqlBranch,
        text: MixedJobText,
        open_lookup: LookupOpener,
        origin: Origin,
        expansion_service: str | None = None,
    ) -> None:
        super().__init__()
        self.branch = branch
        self.text = text
        self.open_lookup = open_lookup
        self.origin = origin
        self.expansion_service = expansion_service

    def expand(self, inputs: Mapping[str, PCollection[pa.RecordBatch]]) -> BeamSqlOutputs:
        branch = self.branch
        self._late: list[PCollection[pa.RecordBatch]] = []
        delay = branch.delay()
        tables = {one.name: self._rows(one, inputs[one.name], delay) for one in branch.inputs}
        only = tables[branch.inputs[0].name] if len(tables) == 1 else tables
        try:
            found = only | "SqlTransform" >> SqlTransform(
                branch.query, expansion_service=self.expansion_service
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise BeamSqlError(_told(branch, error)) from error
        names = [name for name, _ in branch.result_columns()]
        outputs = (
            found
            | "RowsToTuples" >> beam.ParDo(RowsToTuples(names, delay))
            | "IntoGlobalWindow" >> beam.WindowInto(window.GlobalWindows())
            | "FinishRows"
            >> beam.ParDo(
                FinishRows(
                    functools.partial(self.text.beam_sql_branch, branch.name),
                    self.open_lookup,
                    self.origin,
                    utc_now,
                )
            ).with_outputs(DEAD_LETTERS, main="rows")
        )
        letters = (outputs[DEAD_LETTERS], *self._late) | "DeadLetters" >> beam.Flatten()
        return BeamSqlOutputs(outputs["rows"], letters)

    def _rows(
        self, one: BeamSqlInput, batches: PCollection[pa.RecordBatch], delay: int
    ) -> PCollection[Any]:
        over = self.branch.window
        columns = one.columns()
        if over is not None and not batches.is_bounded:
            batches = self._in_time(one, over, batches, delay)
        rows = batches | f"Rows of {one.name}" >> beam.ParDo(
            PayloadsToRows(columns, delay, timed=over is not None)
        ).with_output_types(beam_row_type(columns))
        if over is not None:
            rows = rows | f"Windows of {one.name}" >> beam.WindowInto(window_fn(over, delay))
        return rows

    def _in_time(
        self, one: BeamSqlInput, over: Window, batches: PCollection[pa.RecordBatch], delay: int
    ) -> PCollection[pa.RecordBatch]:
        guard = RefuseLateRows(self.branch.name, one.columns(), over, delay, self.origin, utc_now)
        found = (
            batches
            | f"Key {one.name}" >> beam.ParDo(KeyAlike()).with_output_types(tuple[int, Any])
            | f"Late rows of {one.name}"
            >> beam.ParDo(guard).with_outputs(DEAD_LETTERS, main="rows")
        )
        self._late.append(found[DEAD_LETTERS])
        return found["rows"]


def _told(branch: BeamSqlBranch, error: Exception) -> str:
    first = str(error).strip().split("\n", 1)[0]
    return f"{branch.name}: Beam SQL did not take the query {branch.query!r}: {first}"
