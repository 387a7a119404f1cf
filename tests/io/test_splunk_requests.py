"""Events gathered into requests, and requests taken apart."""

from __future__ import annotations

import itertools

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
from hypothesis import given

from pipeline_io.splunk_events import NO_TIME, Events
from pipeline_io.splunk_requests import Gatherer, Piece, Request


def events_of(texts: list[bytes], times: list[int] | None = None) -> Events:
    bounds = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    rows = np.arange(len(texts), dtype=np.int64)
    at = np.array(times if times is not None else [NO_TIME] * len(texts), np.int64)
    return Events(pa.py_buffer(b"".join(texts)), bounds, rows, pa.nulls(len(texts)), at)


def gathered(
    batches: list[list[bytes]], max_events: int, max_bytes: int
) -> tuple[list[Request], Request | None]:
    gatherer = Gatherer(max_events, max_bytes, 2.0, lambda: 0.0)
    found = [request for batch in batches for request in gatherer.add(events_of(batch))]
    return found, gatherer.close()


TEXTS = st.lists(st.binary(min_size=1, max_size=8), max_size=20)


@given(st.lists(TEXTS, max_size=6), st.integers(1, 7), st.integers(1, 20))
def test_every_event_is_in_one_request_in_order_and_none_is_too_large(
    batches: list[list[bytes]], max_events: int, max_bytes: int
) -> None:
    full, rest = gathered(batches, max_events, max_bytes)

    requests = [*full, *([rest] if rest else [])]
    whole = [text for batch in batches for text in batch]
    assert b"".join(request.body() for request in requests) == b"".join(whole)
    assert sum(request.count for request in requests) == len(whole)
    for request in requests:
        assert 1 <= request.count <= max_events
        assert request.size == len(request.body())
        assert request.size <= max_bytes or request.count == 1
    # None could have taken the first event of the next.
    for request, behind in itertools.pairwise(requests):
        is_full = request.count == max_events or request.size >= max_bytes
        assert is_full or request.size + behind.part(0, 1).size > max_bytes


@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=4), st.data())
def test_a_request_taken_apart_has_the_same_events(
    batches: list[list[bytes]], data: st.DataObject
) -> None:
    pieces = tuple(Piece(events_of(batch), 0, len(batch)) for batch in batches)
    request, texts = Request(pieces), [text for batch in batches for text in batch]
    start = data.draw(st.integers(0, len(texts)))
    end = data.draw(st.integers(start, len(texts)))
    number = data.draw(st.integers(0, len(texts) - 1))

    assert request.part(start, end).body() == b"".join(texts[start:end])
    assert request.part(start, end).count == end - start
    assert request.without(number).body() == b"".join(texts[:number] + texts[number + 1 :])
    assert request.without(number).count == len(texts) - 1
    assert b"".join(half.body() for half in request.halves()) == b"".join(texts)


def test_the_linger_is_armed_by_the_first_event_of_a_request() -> None:
    now = [10.0]
    gatherer = Gatherer(3, 1_000, 2.0, lambda: now[0])
    assert gatherer.due is None
    assert list(gatherer.add(events_of([b"a"]))) == []
    assert gatherer.due == 12.0
    now[0] = 11.0
    assert list(gatherer.add(events_of([b"b"]))) == []
    assert gatherer.due == 12.0
    (request,) = gatherer.add(events_of([b"c", b"d"]))
    assert request.body() == b"abc"
    assert gatherer.due == 13.0
    closed = gatherer.close()
    assert closed is not None and closed.body() == b"d"
    assert gatherer.due is None and gatherer.close() is None


def test_the_oldest_record_of_a_request_is_told() -> None:
    first = Piece(events_of([b"a", b"b"], [7, 3]), 0, 1)
    second = Piece(events_of([b"c", b"d"], [NO_TIME, 5]), 0, 2)
    assert Request((first, second)).oldest_ms() == 5
    assert Request((second,)).part(0, 1).oldest_ms() is None
