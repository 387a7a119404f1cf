"""The event times of what is read: of batches, and of the watermark."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp

from pipeline_io.kafka_positions import Positions

_DAY_MILLIS = 86_400_000
_FIRST_MILLIS = MIN_TIMESTAMP.micros // 1_000 + 1
# The global window ends a day before the last timestamp.
_LAST_MILLIS = MAX_TIMESTAMP.micros // 1_000 - 2 * _DAY_MILLIS


def watermark_millis(positions: Positions, at_end: set[Any], now_millis: int) -> int | None:
    """Up to when all partitions have been read, None if one has not told yet.

    A partition that has been read to its end is at the present. A record from the future moves
    nothing beyond it: it would make all that follows late.
    """
    reached = []
    for each in positions:
        if each.key in at_end:
            reached.append(now_millis)
        elif each.latest_millis is None:
            return None
        else:
            reached.append(min(each.latest_millis, now_millis))
    return min(reached, default=now_millis)


def timestamped(batch: pa.RecordBatch) -> TimestampedValue[pa.RecordBatch]:
    """The batch at the time of its earliest record."""
    times: Any = batch.column("timestamp").cast(pa.int64())
    earliest = pc.min(times).as_py()
    return TimestampedValue(batch, MIN_TIMESTAMP if earliest is None else timestamp_of(earliest))


def timestamp_of(milliseconds: int) -> Timestamp:
    """Beam's, within what it takes."""
    return Timestamp(micros=1_000 * min(max(milliseconds, _FIRST_MILLIS), _LAST_MILLIS))
