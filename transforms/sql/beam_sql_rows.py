"""The steps on either side of Beam SQL: batches to rows with event times, and rows to batches."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import orjson
import polars as pl
import pyarrow as pa
from apache_beam.pvalue import Row, TaggedOutput
from apache_beam.transforms.window import GlobalWindow, TimestampedValue
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms.counters import Counters
from transforms.dead_letter_counts import DeadLetterCounts
from transforms.dead_letters import DEAD_LETTER_SCHEMA, Origin, Refusal, dead_letter_json
from transforms.sink_rows import sink_rows
from transforms.sql.beam_sql_columns import (
    Columns,
    carried_value,
    column_of,
    json_reader,
    time_value,
)
from transforms.sql.beam_sql_plan import EVENT_TIME, WINDOW_START, BeamSqlBranch
from transforms.sql.in_process import BranchRun, LookupOpener
from transforms.sql.messages import binary_column, payload_column
from transforms.sql.refusals import Where
from transforms.sql.sink_format import KEY, PAYLOAD, Registrar
from transforms.sql.source import POSITION, SourceFrame
from transforms.sql.types import MAX_DECIMAL_PRECISION, Kind

DEAD_LETTERS = "dead_letters"

FLUSH_ROWS = 5_000
"""Rows of a bundle that are finished together: as many as a batch of records has by default."""


def json_columns(batch: pa.RecordBatch, columns: Columns) -> dict[str, list[Any]]:
    """The columns of a batch of JSON objects (SINK_ROWS), as Python values of carried types."""
    payloads = [value for value in batch.column(PAYLOAD).to_pylist() if value is not None]
    objects = orjson.loads(b"[" + b",".join(payloads) + b"]")
    found = {}
    for name, sql_type in columns:
        values = [one[name] for one in objects]
        read = json_reader(sql_type)
        if read is not None:
            values = [None if value is None else read(value) for value in values]
        found[name] = values
    return found


class PayloadsToTuples(beam.DoFn):
    """The values of batches of JSON payloads (SINK_ROWS), a tuple a row, each at its event time
    plus the delay.

    Without an event time a row has the time of its batch. Of (passed, batch) come (passed, row).
    """

    def __init__(
        self, columns: Columns, times: Mapping[str, Kind], delay: int, *, timed: bool
    ) -> None:
        self.columns = columns
        self.times = times
        self.delay = delay
        self.timed = timed

    def process(self, element: pa.RecordBatch | tuple[int, pa.RecordBatch]) -> Iterator[Any]:
        passed, batch = element if isinstance(element, tuple) else (None, element)
        found = json_columns(batch, self.columns)
        for name, kind in self.times.items():
            found[name] = [time_value(kind, value) for value in found[name]]
        names = tuple(found)
        for values in zip(*found.values(), strict=True):
            row = values if passed is None else (passed, values)
            if self.timed:
                time = Timestamp(micros=values[names.index(EVENT_TIME)] + self.delay)
                yield TimestampedValue(row, time)
            else:
                yield row


def exact_decimals() -> None:
    """Lets this thread's decimals have all digits of SQL's.

    Beam's coder of decimals computes with the thread's precision, 28 digits if nobody sets it, and
    rounds what has more without a word. So it is set in the very steps that stand at the border.
    """
    decimal.getcontext().prec = 2 * MAX_DECIMAL_PRECISION


class TuplesToRows(beam.DoFn):
    """Rows of Beam's schema. The last step before the border: see `exact_decimals`."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def process(self, element: tuple[Any, ...]) -> Iterator[Any]:
        exact_decimals()
        yield Row(**dict(zip(self.names, element, strict=True)))


class RowsToTuples(beam.DoFn):
    """The rows of a query as tuples, with the bounds of their window where there is one. The first
    step behind the border: see `exact_decimals`."""

    def __init__(self, names: Sequence[str], delay: int) -> None:
        self.windowed = WINDOW_START in names
        self.delay = delay

    def start_bundle(self) -> None:
        exact_decimals()

    def process(
        self, element: Any, window: Any = beam.DoFn.WindowParam
    ) -> Iterator[tuple[Any, ...]]:
        # By position: Beam SQL loses the names of columns that are renamed alone.
        values = tuple(carried_value(value) for value in element)
        if self.windowed:
            start, end = window.start.micros - self.delay, window.end.micros - self.delay
            values = (*values, start, end)
        yield values


class FinishRows(beam.DoFn):
    """What a statement makes of the rows of its query: batches for the sink (SINK_ROWS), and dead
    letters (DEAD_LETTER_SCHEMA) of rows that its last steps refuse."""

    def __init__(
        self,
        branch: Callable[[], tuple[BeamSqlBranch, Where]],
        open_lookup: LookupOpener,
        registrar: Registrar | None,
        origin: Origin,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self.branch = branch
        self.open_lookup = open_lookup
        self.registrar = registrar
        self.origin = origin
        self.now = now
        self._letter_counts = DeadLetterCounts()
        self._run: BranchRun | None = None
        self._rows: list[tuple[Any, ...]] = []

    def setup(self) -> None:
        planned, where = self.branch()
        self._columns = planned.result_columns()
        run = BranchRun(
            branch=planned.result,
            open_lookup=self.open_lookup,
            where=where,
            registrar=self.registrar,
        )
        self._counters = Counters(planned.name, lookups=bool(run.lookups()))
        self._run = run.__enter__()

    def teardown(self) -> None:
        if self._run is not None:
            self._run.__exit__(None, None, None)
            self._run = None

    def start_bundle(self) -> None:
        self._rows = []

    def process(self, element: tuple[Any, ...]) -> Iterator[Any]:
        self._rows.append(element)
        if len(self._rows) >= FLUSH_ROWS:
            yield from self._finished()

    def finish_bundle(self) -> Iterator[Any]:
        for output in self._finished():
            tagged = isinstance(output, TaggedOutput)
            value = output.value if tagged else output
            windowed = WindowedValue(value, MIN_TIMESTAMP, (GlobalWindow(),))
            yield TaggedOutput(output.tag, windowed) if tagged else windowed

    def _finished(self) -> Iterator[Any]:
        rows, self._rows = self._rows, []
        if not rows or self._run is None:
            return
        frame, refusals = self._frame(rows)
        found = self._run.run(SourceFrame(frame, ()), self.now())
        refusals += found.refusals
        letters = self._letters(rows, refusals)
        counts = {
            "records": len(rows),
            "events": found.rows.height,
            "filtered": found.filtered,
            "dead_letters": len(refusals),
            "multiplied": found.multiplied,
        }
        self._counters.add(counts, self._run.lookups())
        self._letter_counts.add(self._run.branch.name, (one.error_class for one in refusals))
        if found.rows.height:
            yield _batch(found.rows)
        if letters is not None:
            yield TaggedOutput(DEAD_LETTERS, letters)

    def _frame(self, rows: list[tuple[Any, ...]]) -> tuple[pl.DataFrame, list[Refusal]]:
        columns = {POSITION: pl.Series(range(len(rows)), dtype=pl.Int64)}
        refused: dict[int, str] = {}
        values = zip(*rows, strict=True)
        for (name, sql_type), column in zip(self._columns, values, strict=True):
            series, failures = column_of(column, sql_type)
            columns[name] = series
            refused |= dict(failures)
        frame = pl.DataFrame(columns)
        name = self._run.branch.name if self._run is not None else ""
        refusals = [
            Refusal(position, "beam sql", "ValueRefused", message, statement=name)
            for position, message in refused.items()
        ]
        return frame.filter(~pl.col(POSITION).is_in(list(refused))), refusals

    def _letters(
        self, rows: list[tuple[Any, ...]], refusals: Sequence[Refusal]
    ) -> pa.RecordBatch | None:
        if not refusals:
            return None
        names = [name for name, _ in self._columns]
        payloads = []
        for refusal in refusals:
            row = dict(zip(names, rows[refusal.position], strict=True))
            payloads.append(dead_letter_json(row_record(row), refusal, self.origin, self.now()))
        return pa.record_batch([pa.array(payloads, pa.binary())], schema=DEAD_LETTER_SCHEMA)


def row_record(row: Mapping[str, Any]) -> dict[str, object]:
    """A row that no one record stands for, in the place of the record of a dead letter: its value
    is JSON of the row."""
    value = orjson.dumps(row, default=str, option=orjson.OPT_NON_STR_KEYS)
    empty = dict.fromkeys(("topic", "partition", "offset", "timestamp", "headers", "key"))
    return {**empty, "value": value}


def _batch(rows: pl.DataFrame) -> pa.RecordBatch:
    """Encoded rows as SINK_ROWS; no one record is behind a row of a window."""
    return sink_rows(
        payload_column(rows[PAYLOAD]), binary_column(rows[KEY]) if KEY in rows.columns else None
    )
