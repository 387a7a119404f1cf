"""Batches of messages cut into publish requests."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_limits import Refused, sendable
from pipeline_io.pubsub_wire import WireMessages, request_bounds, request_head


@dataclasses.dataclass(frozen=True)
class Request:
    """One publish request: the messages `start` to before `end` of a batch.

    rows: SINK_ROWS, a row a message. key: the ordering key of all of them, b"" for none. mark:
    whatever the caller wants to know the batch by.
    """

    topic: str
    rows: pa.RecordBatch
    messages: WireMessages
    start: int
    end: int
    key: bytes = b""
    mark: Any = None

    @property
    def count(self) -> int:
        return self.end - self.start

    @property
    def size(self) -> int:
        """Bytes of the messages."""
        return int(self.messages.bounds[self.end] - self.messages.bounds[self.start])

    def body(self) -> bytes:
        """The serialised PublishRequest."""
        return b"".join((request_head(self.topic), self.messages.between(self.start, self.end)))

    def halves(self) -> tuple[Request, Request]:
        middle = self.start + self.count // 2
        return dataclasses.replace(self, end=middle), dataclasses.replace(self, start=middle)


class Requests(NamedTuple):
    """A batch as requests, in the order to send them, and what of it cannot be sent."""

    requests: list[Request]
    refused: list[Refused]


def requests_of(rows: pa.RecordBatch, config: PubsubConfig, mark: Any = None) -> Requests:
    """The publish requests for a batch of SINK_ROWS.

    With ordering keys a request holds the messages of one key, as Pub/Sub demands, in their order.
    """
    places = None
    if config.ordering_key and rows.num_rows:
        places = _by_key(rows)
        rows = rows.take(pa.array(places))
    kept, messages, refused = sendable(rows, config)
    if places is not None:
        refused = sorted(one._replace(row=int(places[one.row])) for one in refused)
    room = config.max_bytes - len(request_head(config.path))
    requests = [
        Request(config.path, kept, messages, first, last, key, mark)
        for key, start, end in _runs(kept, config)
        for first, last in request_bounds(messages.bounds, config.max_messages, room, start, end)
    ]
    return Requests(requests, refused)


def _by_key(rows: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The rows with those of each key together, in their order."""
    codes = _codes(rows)
    return np.argsort(codes, kind="stable").astype(np.int64)


def _codes(rows: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A number for each row's key, the same for the same key; NULL is as good as empty."""
    keys: Any = rows.column("key")
    encoded = pc.fill_null(keys, b"").dictionary_encode()
    found: np.ndarray[Any, np.dtype[np.int64]] = encoded.indices.to_numpy(zero_copy_only=False)
    return found


def _runs(rows: pa.RecordBatch, config: PubsubConfig) -> list[tuple[bytes, int, int]]:
    """The stretches of rows that may share a request: (key, first, behind the last)."""
    if not config.ordering_key or not rows.num_rows:
        return [(b"", 0, rows.num_rows)]
    codes = _codes(rows)
    starts = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist()]
    keys = rows.column("key").take(pa.array(starts)).to_pylist()
    return [
        (key or b"", start, end)
        for key, start, end in zip(keys, starts, [*starts[1:], rows.num_rows], strict=True)
    ]
