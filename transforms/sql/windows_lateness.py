"""Tells which rows come too late for their windows, before Beam would drop them in silence."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.coders import VarIntCoder
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import (
    ReadModifyWriteStateSpec,
    TimerSpec,
    on_timer,
)
from apache_beam.utils.timestamp import Timestamp

from transforms.counters import NAMESPACE, metric_name
from transforms.dead_letter_counts import DeadLetterCounts
from transforms.dead_letters import DEAD_LETTER_SCHEMA, Origin, Refusal, dead_letter_json
from transforms.sql.beam_sql_columns import Columns
from transforms.sql.beam_sql_plan import EVENT_TIME
from transforms.sql.beam_sql_rows import DEAD_LETTERS, json_columns, row_record
from transforms.sql.windows import MILLISECOND, Window, WindowKind

_LOGGER = logging.getLogger(__name__)

_Micros = np.ndarray[Any, np.dtype[np.int64]]

LATE, PARTLY_LATE = "late", "partly_late"
COUNTS = (LATE, PARTLY_LATE, "dead_letters")
"""Of rows, by statement; `dead_letters` is that of transforms.counters."""

LATE_ROW = "LateRow"

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_NONE_PASSED = -(2**62)


def window_ends(times: _Micros, over: Window, delay: int) -> tuple[_Micros, _Micros]:
    """The end of the first and of the last window of each row, in microseconds and later by the
    delay: a row is late for a window when the watermark has passed that."""
    shifted = times + delay
    if over.kind is WindowKind.SESSION:
        return shifted + over.size, shifted + over.size
    last = shifted - (shifted - delay % over.slide) % over.slide + over.size
    return last - over.size + over.slide, last


class RefuseLateRows(beam.DoFn):
    """Batches (SINK_ROWS) without the rows that are late for all of their windows; these become
    dead letters, and count as `late`.

    Input: batches by one key, since what has passed is known by timers, which belong to keys. A
    timer stands at each end of a window to come. It holds the watermark back, so that no window
    ends after this step before this step has heard of it. All are set at once: where one would set
    the next, a runner takes a bundle for each, and a backlog of days an hour. Rows that are late
    for some of their windows leave as PARTLY_LATE, with the time that has passed, and count as
    `partly_late`.
    """

    PASSED = ReadModifyWriteStateSpec("passed", VarIntCoder())
    BEGIN = ReadModifyWriteStateSpec("begin", VarIntCoder())
    UNTIL = ReadModifyWriteStateSpec("until", VarIntCoder())
    TIMER = TimerSpec("window_end", TimeDomain.WATERMARK)
    PASSED_STATE = beam.DoFn.StateParam(PASSED)
    BEGIN_STATE = beam.DoFn.StateParam(BEGIN)
    UNTIL_STATE = beam.DoFn.StateParam(UNTIL)
    TIMER_PARAM = beam.DoFn.TimerParam(TIMER)

    def __init__(
        self,
        statement: str,
        columns: Columns,
        over: Window,
        delay: int,
        origin: Origin,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self.statement = statement
        self.columns = columns
        self.over = over
        self.delay = delay
        self.origin = origin
        self.now = now

    def setup(self) -> None:
        self._counters = {
            name: Metrics.counter(NAMESPACE, metric_name(self.statement, name)) for name in COUNTS
        }
        self._letter_counts = DeadLetterCounts()

    def _ends(self, batch: pa.RecordBatch) -> tuple[_Micros, _Micros]:
        time = [column for column in self.columns if column[0] == EVENT_TIME]
        times = np.array(json_columns(batch, time)[EVENT_TIME], np.int64)
        return window_ends(times, self.over, self.delay)

    def process(
        self,
        element: tuple[int, pa.RecordBatch],
        passed_state: Any = PASSED_STATE,
        begin_state: Any = BEGIN_STATE,
        until_state: Any = UNTIL_STATE,
        timer: Any = TIMER_PARAM,
    ) -> Iterator[Any]:
        _, batch = element
        first, last = self._ends(batch)
        passed = passed_state.read()
        passed = _NONE_PASSED if passed is None else passed
        late = last <= passed
        partly = (first <= passed) & ~late
        if late.any():
            yield TaggedOutput(DEAD_LETTERS, self._letters(batch.filter(pa.array(late)), passed))
        if partly.any():
            self._counters[PARTLY_LATE].inc(int(partly.sum()))
            yield TaggedOutput(PARTLY_LATE, (passed, batch.filter(pa.array(partly))))
        if not late.all():
            low = self._next_ends(first[~late], passed)
            # On past the last row's windows, so that rows that come late after them are known; not
            # for ever, or a job whose input has ended would never end.
            high = int(last[~late].max()) + self.over.size
            for end in self._unset_ends(low, high, begin_state, until_state):
                timer.set(Timestamp(micros=end - MILLISECOND), dynamic_timer_tag=str(end))
        in_time = ~late & ~partly
        if in_time.all():
            yield batch
        elif in_time.any():
            yield batch.filter(pa.array(in_time))

    def _next_ends(self, first: _Micros, passed: int) -> int:
        """The earliest end of a window of these rows that has not passed."""
        behind = np.maximum(passed - first, -1)
        steps = np.where(behind >= 0, behind // self.over.slide + 1, 0)
        return int((first + steps * self.over.slide).min())

    def _unset_ends(self, low: int, high: int, begin_state: Any, until_state: Any) -> list[int]:
        """The ends of windows from `low` to `high` that have no timer yet; remembers them."""
        slide = self.over.slide
        begin = begin_state.read()
        if begin is None:
            ends = list(range(low, high + 1, slide))
            begin, until = low, low - slide
        else:
            until = until_state.read()
            steps = max(0, -(-(begin - low) // slide))
            begin -= steps * slide
            ends = list(range(begin, begin + steps * slide, slide))
            ends += range(until + slide, high + 1, slide)
        begin_state.write(begin)
        until_state.write(max(until, ends[-1] if ends else until))
        return ends

    @on_timer(TIMER)
    def passed(
        self, tag: Any = beam.DoFn.DynamicTimerTagParam, passed_state: Any = PASSED_STATE
    ) -> None:
        """The watermark has come to the end of a window."""
        ended = int(tag)
        before = passed_state.read()
        if before is None or ended > before:
            passed_state.write(ended)

    def _letters(self, late: pa.RecordBatch, passed: int) -> pa.RecordBatch:
        self._counters[LATE].inc(late.num_rows)
        self._counters["dead_letters"].inc(late.num_rows)
        self._letter_counts.add(self.statement, [LATE_ROW] * late.num_rows)
        _LOGGER.warning(
            "%s: %d row(s) came after their windows had ended; they are dead letters",
            self.statement,
            late.num_rows,
            extra={"statement": self.statement},
        )
        ended = _EPOCH + datetime.timedelta(microseconds=passed - self.delay)
        payloads = json_columns(late, self.columns)
        records = late.column("record").to_pylist()
        letters = []
        for position in range(late.num_rows):
            row = {name: values[position] for name, values in payloads.items()}
            message = (
                f"the row came after all its windows had ended, the last by "
                f"{ended.isoformat()}: {self.delay / 1_000_000:g} s of delay are allowed by the "
                "source's WATERMARK; give it more, or replay the record into a job of its own"
            )
            refusal = Refusal(position, "window", LATE_ROW, message, statement=self.statement)
            record = records[position]
            letters.append(
                dead_letter_json(
                    _told(record) if record is not None else row_record(row),
                    refusal,
                    self.origin,
                    self.now(),
                )
            )
        return pa.record_batch([pa.array(letters, pa.binary())], schema=DEAD_LETTER_SCHEMA)


def _told(record: dict[str, Any]) -> dict[str, object]:
    """A record with its timestamp as the text that dead letters have."""
    time = record["timestamp"]
    text = None if time is None else time.isoformat(timespec="milliseconds")
    return {**record, "timestamp": None if text is None else text.replace("+00:00", "Z")}


def in_open_windows(element: tuple[int, Any], window: Any = beam.DoFn.WindowParam) -> Iterator[Any]:
    """The row of (passed, row) in those of its windows that have not passed."""
    passed, row = element
    if window.end.micros > passed:
        yield row


def under_one_key(batch: pa.RecordBatch) -> tuple[int, pa.RecordBatch]:
    """The batch under the key of all batches, so that one state knows them all."""
    return 0, batch
