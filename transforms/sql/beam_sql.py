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
from transforms.sql.beam_sql_rows import (
    DEAD_LETTERS,
    FinishRows,
    PayloadsToTuples,
    RowsToTuples,
    TuplesToRows,
)
from transforms.sql.in_process import LookupOpener
from transforms.sql.run import utc_now
from transforms.sql.sink_format import Registrar
from transforms.sql.windows import Window, WindowKind
from transforms.sql.windows_lateness import (
    PARTLY_LATE,
    RefuseLateRows,
    in_open_windows,
    under_one_key,
)


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
        registrar: Registrar | None,
        origin: Origin,
        expansion_service: str | None = None,
    ) -> None:
        super().__init__()
        self.branch = branch
        self.text = text
        self.open_lookup = open_lookup
        self.registrar = registrar
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
                    self.registrar,
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
        """The rows of an input, in windows where the statement has some."""
        columns = one.columns()
        names = [name for name, _ in columns]
        rows: PCollection[Any] = self._tuples(
            one, batches, delay
        ) | f"Rows of {one.name}" >> beam.ParDo(TuplesToRows(names)).with_output_types(
            beam_row_type(columns, one.times)
        )
        return rows

    def _tuples(
        self, one: BeamSqlInput, batches: PCollection[pa.RecordBatch], delay: int
    ) -> PCollection[Any]:
        over = self.branch.window
        step = PayloadsToTuples(one.columns(), one.times, delay, timed=over is not None)
        read = beam.ParDo(step).with_output_types(Any)
        if over is None:
            tuples: PCollection[Any] = batches | f"Values of {one.name}" >> read
            return tuples
        windows = beam.WindowInto(window_fn(over, delay))
        partly_late = None
        if not batches.is_bounded:
            # What has an end has its windows when it has ended: nothing is late.
            batches, partly_late = self._in_time(one, over, batches, delay)
        windowed: PCollection[Any] = (
            batches | f"Values of {one.name}" >> read | f"Windows of {one.name}" >> windows
        )
        if partly_late is None:
            return windowed
        late = (
            partly_late
            | f"Partly late values of {one.name}" >> read
            | f"All windows of {one.name}" >> windows
            | f"Open windows of {one.name}" >> beam.FlatMap(in_open_windows).with_output_types(Any)
        )
        every: PCollection[Any] = (windowed, late) | f"All values of {one.name}" >> beam.Flatten()
        return every

    def _in_time(
        self, one: BeamSqlInput, over: Window, batches: PCollection[pa.RecordBatch], delay: int
    ) -> tuple[PCollection[pa.RecordBatch], PCollection[Any]]:
        guard = RefuseLateRows(self.branch.name, one.columns(), over, delay, self.origin, utc_now)
        found = (
            batches
            | f"Key {one.name}" >> beam.Map(under_one_key).with_output_types(tuple[int, Any])
            | f"Late rows of {one.name}"
            >> beam.ParDo(guard).with_outputs(DEAD_LETTERS, PARTLY_LATE, main="rows")
        )
        self._late.append(found[DEAD_LETTERS])
        return found["rows"], found[PARTLY_LATE]


def _told(branch: BeamSqlBranch, error: Exception) -> str:
    first = str(error).strip().split("\n", 1)[0]
    return f"{branch.name}: Beam SQL did not take the query {branch.query!r}: {first}"
