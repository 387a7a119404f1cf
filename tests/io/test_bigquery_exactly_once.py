from __future__ import annotations

import threading
from collections.abc import Iterator

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_io import bigquery_streams
from pipeline_io.bigquery_errors import BigQueryError
from tests.io.bigquery_rows import BigQuery, numbered, running
from tests.io.bigquery_stand_in import Scripted, StorageCode, path_of

Code = grpc.StatusCode


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery_streams, "_FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(bigquery_streams, "_LONGEST_WAIT_SECONDS", 0.05)


@pytest.fixture
def service() -> Iterator[BigQuery]:
    with running() as service:
        yield service


FAULTS = [
    None,
    Scripted(Code.INTERNAL),
    Scripted(Code.UNAVAILABLE, ends=True),
    Scripted(Code.UNAVAILABLE, stored=True, ends=True),
    Scripted(Code.INTERNAL, stored=True),
    Scripted(Code.RESOURCE_EXHAUSTED),
    Scripted(Code.OUT_OF_RANGE),
]


@settings(max_examples=40)
@given(
    script=st.lists(st.sampled_from(FAULTS), max_size=12),
    bad=st.sets(st.integers(0, 39), max_size=3),
    mode=st.sampled_from(["exactly_once", "pending"]),
)
def test_whatever_is_answered_each_good_row_is_stored_once(
    service_of_all: BigQuery, script: list[Scripted | None], bad: set[int], mode: str
) -> None:
    # One gap after the other is another matter, and tested below.
    gaps = [one for one in script if one is not None and one.code is Code.OUT_OF_RANGE]
    if len(gaps) > 3:
        script = [one for one in script if one not in gaps]
    storage = service_of_all.storage
    storage.stored.clear()
    storage.script = list(script)
    storage.judge = lambda row: "bad" if row["n"] in bad else None
    sink = service_of_all.sink(request_bytes=60, **{mode: True})
    for start in range(0, 40, 20):
        sink.append("orders", numbered(range(start, start + 20)))
        sink.flush()
    storage.script = []
    assert sorted(storage.numbers()) == sorted(set(range(40)) - bad)
    assert {one.rows["n"][one.row].as_py() for one in sink.take_refused()} == bad
    sink.close()


@pytest.fixture(scope="module")
def service_of_all() -> Iterator[BigQuery]:
    with running() as service:
        yield service


def test_appends_have_offsets_in_a_stream_of_their_own(service: BigQuery) -> None:
    sink = service.sink(request_bytes=1, exactly_once=True)
    sink.append("orders", numbered(range(3)))
    sink.flush()
    assert [request.offset.value for request in service.storage.requests] == [0, 1, 2]
    assert list(service.storage.streams) == [f"{path_of('orders')}/streams/s0"]


def test_a_server_that_goes_away_and_comes_back_doubles_nothing(service: BigQuery) -> None:
    sink = service.sink(request_bytes=1, exactly_once=True)
    sink.append("orders", numbered(range(20)))
    service.storage.stop()
    back = threading.Timer(0.3, service.storage.start)
    back.start()
    sink.append("orders", numbered(range(20, 40)))
    sink.flush()
    back.join()
    assert service.storage.numbers() == list(range(40))


def test_a_stream_that_somebody_has_ended_is_replaced_and_nothing_doubled(
    service: BigQuery,
) -> None:
    sink = service.sink(request_bytes=1, exactly_once=True)
    sink.append("orders", numbered([1]))
    sink.flush()
    (stream,) = service.storage.streams.values()
    # Of these the first is stored, its answer is lost, and then the stream ends.
    service.storage.script = [Scripted(Code.UNAVAILABLE, stored=True, ends=True)]
    service.storage.on_request = lambda request: setattr(
        stream, "is_ended", stream.is_ended or len(service.storage.requests) >= 2
    )
    sink.append("orders", numbered([2, 3]))
    sink.flush()
    assert service.storage.numbers() == [1, 2, 3]
    assert len(service.storage.streams) == 2


def test_a_stream_that_is_gone_is_replaced_when_nothing_is_in_doubt(service: BigQuery) -> None:
    sink = service.sink(exactly_once=True)
    sink.append("orders", numbered([1]))
    sink.flush()
    service.storage.streams.clear()
    sink.append("orders", numbered([2]))
    sink.flush()
    assert service.storage.numbers() == [1, 2]


def test_a_stream_that_is_gone_with_rows_in_doubt_stops_the_job(service: BigQuery) -> None:
    sink = service.sink(exactly_once=True)
    gone = Scripted(Code.NOT_FOUND, "gone", storage=StorageCode.STREAM_NOT_FOUND)
    service.storage.script = [Scripted(Code.UNAVAILABLE, stored=True, ends=True), gone]
    sink.append("orders", numbered([1, 2]))
    with pytest.raises(BigQueryError, match=r"gone.*2 rows under way.*_event_id"):
        sink.flush()


def test_a_pending_stream_that_is_gone_stops_the_job(service: BigQuery) -> None:
    sink = service.sink(request_bytes=1, pending=True)
    gone = Scripted(Code.NOT_FOUND, "gone", storage=StorageCode.STREAM_NOT_FOUND)
    service.storage.script = [None, gone]
    sink.append("orders", numbered([1, 2, 3]))
    with pytest.raises(BigQueryError, match="3 rows under way"):
        sink.flush()
    assert service.storage.numbers() == []


def test_a_gap_that_stays_stops_the_job(service: BigQuery) -> None:
    service.storage.script = [Scripted(Code.OUT_OF_RANGE, "Offset 0: 7 rows")] * 10
    sink = service.sink(exactly_once=True)
    sink.append("orders", numbered([1]))
    with pytest.raises(BigQueryError, match="OUT_OF_RANGE: Offset 0"):
        sink.flush()


def test_pending_rows_are_seen_when_flush_returns_and_not_before(service: BigQuery) -> None:
    sink = service.sink(request_bytes=1, pending=True)
    sink.append("orders", numbered(range(5)))
    assert service.storage.numbers() == []
    sink.flush()
    assert service.storage.numbers() == list(range(5))
    sink.append("orders", numbered([5]))
    sink.flush()
    sink.flush()
    assert service.storage.numbers() == list(range(6))
    assert len(service.storage.streams) == 2


def test_a_commit_whose_answer_is_lost_is_done_once(service: BigQuery) -> None:
    sink = service.sink(pending=True)
    sink.append("orders", numbered([1]))
    # Of making a stream, ending it and committing it.
    service.storage.unary_script = [None, None, Code.UNAVAILABLE]
    sink.flush()
    assert service.storage.methods[-2:] == ["BatchCommitWriteStreams"] * 2
    assert service.storage.numbers() == [1]


def test_the_default_stream_is_never_given_an_offset(service: BigQuery) -> None:
    sink = service.sink()
    sink.append("orders", numbered([1]))
    sink.flush()
    assert not service.storage.requests[0].HasField("offset")
    assert service.storage.methods == []


def test_a_sink_is_made_again_of_its_settings(service: BigQuery) -> None:
    sink = service.sink(exactly_once=True)
    assert type(sink).of(sink.config).config == sink.config
