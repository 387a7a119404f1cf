from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pyarrow as pa
import pytest

from pipeline_io import bigquery_streams
from pipeline_io.bigquery_errors import (
    BigQueryAccessError,
    BigQuerySchemaError,
    BigQueryUnavailable,
)
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


def test_all_appended_rows_are_stored_when_flush_returns(service: BigQuery) -> None:
    sink = service.sink()
    for start in range(0, 100, 10):
        sink.append("orders", numbered(range(start, start + 10)))
    sink.flush()
    assert service.storage.numbers() == list(range(100))
    assert sink.is_idle
    assert sink.take_counts()["rows"] == 100


def test_small_batches_share_a_request(service: BigQuery) -> None:
    sink = service.sink()
    for number in range(50):
        sink.append("orders", numbered([number]))
    sink.flush()
    assert len(service.storage.requests) == 1


def test_a_call_lasts_over_many_flushes_and_tells_the_columns_once(service: BigQuery) -> None:
    sink = service.sink()
    for number in range(5):
        sink.append("orders", numbered([number]))
        sink.flush()
    assert service.storage.calls == 1
    with_schema = [bool(r.arrow_rows.writer_schema.ByteSize()) for r in service.storage.requests]
    assert with_schema == [True, False, False, False, False]
    routed = service.storage.metadata[0]["x-goog-request-params"]
    assert routed.endswith("%2Ftables%2Forders%2Fstreams%2F_default")


def test_rows_of_other_columns_tell_the_columns_again(service: BigQuery) -> None:
    sink = service.sink()
    sink.append("orders", numbered([1]))
    sink.append("orders", pa.record_batch({"n": pa.array([2], pa.int64())}))
    sink.flush()
    stored = service.storage.stored[path_of("orders")]
    assert stored == [{"n": 1, "text": "x"}, {"n": 2}]


@pytest.mark.parametrize("ends", [False, True], ids=["in the call", "ending the call"])
@pytest.mark.parametrize(
    "code",
    [Code.INTERNAL, Code.ABORTED, Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.UNKNOWN],
)
def test_what_may_be_tried_again_is_until_it_is_taken(
    service: BigQuery, code: grpc.StatusCode, ends: bool
) -> None:
    service.storage.script = [None, *[Scripted(code, ends=ends)] * 3]
    sink = service.sink(request_bytes=1)
    sink.append("orders", numbered(range(6)))
    sink.flush()
    assert sorted(set(service.storage.numbers())) == list(range(6))
    assert sink.take_counts()["retries"] == 3


def test_others_of_the_call_are_not_repeated_when_one_is_throttled(service: BigQuery) -> None:
    service.storage.script = [None, Scripted(Code.RESOURCE_EXHAUSTED)]
    sink = service.sink(request_bytes=1)
    sink.append("orders", numbered(range(6)))
    sink.flush()
    assert sorted(service.storage.numbers()) == list(range(6))
    assert service.storage.calls == 1


def test_an_answer_that_was_lost_repeats_rows_and_loses_none(service: BigQuery) -> None:
    service.storage.script = [None, Scripted(Code.UNAVAILABLE, stored=True, ends=True)]
    sink = service.sink(request_bytes=1)
    sink.append("orders", numbered(range(6)))
    sink.flush()
    assert sorted(set(service.storage.numbers())) == list(range(6))


def test_a_server_that_is_away_is_waited_for_and_told_of(
    service: BigQuery, caplog: pytest.LogCaptureFixture
) -> None:
    sink = service.sink()
    sink.append("orders", numbered([1]))
    sink.flush()
    service.storage.stop()
    sink.append("orders", numbered([2]))
    back = threading.Timer(0.5, service.storage.start)
    back.start()
    with caplog.at_level(logging.WARNING):
        sink.flush()
    back.join()
    assert service.storage.numbers() == [1, 2]
    first, last = caplog.messages[0], caplog.messages[-1]
    assert "rows are not taken by the BigQuery table shop-1.shop.orders" in first
    assert "that is over after" in last


def test_a_server_that_says_nothing_is_asked_over_another_call(service: BigQuery) -> None:
    silent = threading.Event()

    def wait(request: Any) -> None:
        silent.wait(5)

    service.storage.on_request = wait
    sink = service.sink(answer_seconds=0.2)
    sink.append("orders", numbered([1]))
    go_on = threading.Timer(0.5, silent.set)
    go_on.start()
    sink.flush()
    assert service.storage.calls > 1
    assert set(service.storage.numbers()) == {1}


def test_after_the_time_for_retries_the_job_stops_with_the_next_step(service: BigQuery) -> None:
    service.storage.script = [Scripted(Code.RESOURCE_EXHAUSTED, "Quota of bytes")] * 1_000
    sink = service.sink(retry_seconds=0.2, storage_endpoint=service.storage.endpoint)
    sink.append("orders", numbered([1]))
    with pytest.raises(BigQueryUnavailable, match=r"Quota of bytes.*start the emulator"):
        sink.flush()
    with pytest.raises(RuntimeError, match="nothing is written after an error"):
        sink.append("orders", numbered([2]))
    assert not sink.is_idle


def test_a_permission_that_is_missing_stops_the_job_with_the_next_step(service: BigQuery) -> None:
    service.storage.script = [Scripted(Code.PERMISSION_DENIED, "tables.updateData", ends=True)]
    sink = service.sink()
    sink.append("orders", numbered([1]))
    with pytest.raises(BigQueryAccessError, match=r"tables\.updateData.*roles/bigquery\.dataEd"):
        sink.flush()


def test_a_new_table_that_is_not_seen_yet_is_waited_for(service: BigQuery) -> None:
    missing = Scripted(Code.PERMISSION_DENIED, "denied (or it may not exist).", ends=True)
    service.storage.script = [Scripted(Code.NOT_FOUND, "no stream", ends=True), missing]
    sink = service.sink()
    sink.append("orders", numbered([1]))
    sink.flush()
    assert service.storage.numbers() == [1]


def test_a_table_dropped_under_way_stops_the_job(service: BigQuery) -> None:
    sink = service.sink()
    sink.append("orders", numbered([1]))
    sink.flush()
    del service.storage.columns[path_of("orders")]
    sink.append("orders", numbered([2]))
    with pytest.raises(BigQueryAccessError, match="does not exist"):
        sink.flush()


def test_columns_that_are_not_seen_yet_are_waited_for(service: BigQuery) -> None:
    sink = service.sink()
    sink.append("orders", numbered([1]))
    sink.flush()
    path = path_of("orders")
    service.storage.columns[path].discard("text")

    def see(request: Any) -> None:
        if len(service.storage.requests) >= 4:
            service.storage.columns[path].add("text")

    service.storage.on_request = see
    sink.append("orders", numbered([2]))
    sink.flush()
    assert service.storage.numbers() == [1, 2]


def test_columns_that_are_never_seen_stop_the_job_with_the_next_step(service: BigQuery) -> None:
    sink = service.sink(retry_seconds=0.2)
    service.storage.columns[path_of("orders")].discard("text")
    sink.append("orders", numbered([2]))
    with pytest.raises(BigQuerySchemaError, match=r"does not have the columns.*start again"):
        sink.flush()


def test_news_of_more_columns_are_no_matter_and_of_fewer_stop_the_job(service: BigQuery) -> None:
    sink = service.sink()
    service.storage.news = ["N", "TEXT", "more"]
    sink.append("orders", numbered([1]))
    sink.flush()
    service.storage.news = ["n"]
    sink.append("orders", numbered([2]))
    with pytest.raises(BigQuerySchemaError, match="no 'text' any more"):
        sink.flush()


def test_bytes_and_requests_under_way_are_bounded(service: BigQuery) -> None:
    most = 0
    sink = service.sink(request_bytes=1, outstanding_requests=3)

    def look(request: Any) -> None:
        nonlocal most
        most = max(most, sum(each.outstanding for each in sink._appenders.values()))  # noqa: SLF001

    service.storage.on_request = look
    sink.append("orders", numbered(range(50)))
    sink.flush()
    assert 1 < most <= 3
    assert sorted(service.storage.numbers()) == list(range(50))


def test_the_call_that_is_unused_longest_makes_room_for_another(service: BigQuery) -> None:
    names = [f"t{number}" for number in range(5)]
    sink = service.sink(*names, connections=2)
    for number in range(3):
        for name in names:
            sink.append(name, numbered([number]))
    sink.flush()
    assert all(service.storage.numbers(name) == [0, 1, 2] for name in names)
    assert sum(each.is_connected for each in sink._appenders.values()) == 2  # noqa: SLF001


def test_a_table_that_was_not_declared_is_refused(service: BigQuery) -> None:
    with pytest.raises(ValueError, match="'parcels' was not declared; call ensure_table"):
        service.sink().append("parcels", numbered([1]))


def test_the_storage_error_of_the_columns_is_told_from_other_refusals(service: BigQuery) -> None:
    scripted = Scripted(
        Code.INVALID_ARGUMENT, ends=True, storage=StorageCode.SCHEMA_MISMATCH_EXTRA_FIELDS
    )
    service.storage.script = [scripted]
    sink = service.sink()
    sink.append("orders", numbered([1]))
    sink.flush()
    assert service.storage.numbers() == [1]
    assert not sink.take_refused()
