"""Batches of rows as the events of HEC, their bytes one behind the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.record_schema import REFUSED_ROWS
from pipeline_io.splunk_config import SplunkConfig
from pipeline_io.splunk_json import not_json
from pipeline_io.splunk_texts import described, heads, not_metadata, tails

Numbers = npt.NDArray[np.int64]

NO_TIME = -1


class Refused(NamedTuple):
    """Why one event is not in Splunk: its row in its batch, a word to count by, a sentence."""

    row: int
    error_class: str
    message: str


@dataclasses.dataclass(frozen=True)
class Events:
    """Encoded events; event i is data[bounds[i]:bounds[i + 1]].

    rows: of each event, its row in the batch. record: the batch's column of records. times_ms: of
    the records, since the epoch, NO_TIME where unknown. mark: whatever the caller wants to know
    the batch by.
    """

    data: pa.Buffer
    bounds: Numbers
    rows: Numbers
    record: pa.Array[Any]
    times_ms: Numbers
    mark: Any = None

    def __len__(self) -> int:
        return len(self.rows)

    def between(self, start: int, end: int) -> pa.Buffer:
        """The bytes of the events `start` to before `end`."""
        first = int(self.bounds[start])
        found: pa.Buffer = self.data.slice(first, int(self.bounds[end]) - first)
        return found


class Encoded(NamedTuple):
    """A batch as events, and what of it is none."""

    events: Events
    refused: list[Refused]


def encoded(rows: pa.RecordBatch, config: SplunkConfig, mark: Any = None) -> Encoded:
    """The events of a batch of SINK_ROWS.

    The payload is the event, as JSON. A key says of its row what goes with the event: a JSON object
    with any of time (seconds, or a time as SQL writes it, in UTC), index, source, sourcetype and
    host, or with an object of these under `_metadata`.
    """
    refused: dict[int, Refused] = {}
    for row in not_json(rows.column("payload")):
        message = "the payload is not JSON, which is what an event of HEC has to be"
        refused[row] = Refused(row, "NotJson", message)
    for row in not_metadata(rows):
        message = (
            "the key is no JSON object with texts or numbers as time, index, source, sourcetype "
            "and host"
        )
        refused.setdefault(row, Refused(row, "BadMetadata", message))
    places = np.arange(rows.num_rows, dtype=np.int64)
    record = rows.column("record")
    if refused:
        keep = np.ones(rows.num_rows, np.bool_)
        keep[list(refused)] = False
        places, rows = places[keep], rows.filter(pa.array(keep))
    known = described(rows)
    joined = pc.binary_join_element_wise(
        _binary(heads(known, config)),
        rows.column("payload"),
        _binary(tails(known, config)),
        pa.scalar(b"", pa.large_binary()),
    )
    _, offsets, data = joined.buffers()
    bounds = np.zeros(1, np.int64)
    if len(joined):
        bounds = np.frombuffer(offsets, np.int64)[joined.offset : joined.offset + len(joined) + 1]
    times = known["timestamp"].dt.epoch("ms").fill_null(NO_TIME).to_numpy()
    events = Events(
        data if data is not None else pa.py_buffer(b""), bounds, places, record, times, mark
    )
    return Encoded(events, [refused[row] for row in sorted(refused)])


def refused_rows(record: pa.Array[Any], refused: Sequence[Refused]) -> pa.RecordBatch:
    """The batch of REFUSED_ROWS for some rows of a batch with this column of records."""
    return pa.record_batch(
        [
            record.take(pa.array([one.row for one in refused], pa.int64())),
            pa.array([one.error_class for one in refused], pa.string()),
            pa.array([one.message for one in refused], pa.string()),
        ],
        schema=REFUSED_ROWS,
    )


def _binary(texts: pl.Series) -> Any:
    column: Any = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    return column.cast(pa.large_string()).cast(pa.large_binary())
