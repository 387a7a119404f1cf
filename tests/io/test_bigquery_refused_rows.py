"""Rows that BigQuery refuses, and requests over its limits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_io import bigquery_streams
from pipeline_io.bigquery_errors import BigQueryError
from tests.io.bigquery_rows import BigQuery, numbered, running
from tests.io.bigquery_stand_in import Scripted

Code = grpc.StatusCode


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery_streams, "_FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(bigquery_streams, "_LONGEST_WAIT_SECONDS", 0.05)


@pytest.fixture
def service() -> Iterator[BigQuery]:
    with running() as service:
        yield service


def test_a_batch_over_the_limit_is_cut(service: BigQuery) -> None:
    sink = service.sink(request_bytes=30_000_000)
    sink.append("orders", numbered(range(30), 1_000_000))
    sink.flush()
    assert service.storage.numbers() == list(range(30))
    assert max(request.ByteSize() for request in service.storage.requests) <= 10_000_000


def test_a_row_over_the_limit_alone_is_refused_and_its_neighbours_stored(
    service: BigQuery,
) -> None:
    sink = service.sink()
    rows = pa.record_batch(
        [pa.array([1, 2, 3]), pa.array(["a", "x" * 10_000_000, "c"])], ["n", "text"]
    )
    sink.append("orders", rows, mark="a mark")
    sink.flush()
    (refused,) = sink.take_refused()
    assert (refused.table, refused.row, refused.error_class) == ("orders", 1, "RowTooLarge")
    assert (refused.rows, refused.mark) == (rows, "a mark")
    assert sorted(service.storage.numbers()) == [1, 3]
    assert sink.is_idle


@pytest.mark.parametrize("told", ["by row errors", "by a status alone", "by the end of the call"])
@settings(max_examples=10)
@given(bad=st.sets(st.integers(0, 59)), options=st.sampled_from([{}, {"exactly_once": True}]))
def test_exactly_the_bad_rows_come_back(told: str, bad: set[int], options: Any) -> None:
    with running() as service:
        service.storage.judge = lambda row: "bad" if row["n"] in bad else None
        service.storage.hides_row_errors = told != "by row errors"
        service.storage.ends_calls = told == "by the end of the call"
        sink = service.sink(request_bytes=300, **options)
        # One that is taken says that the table as such is right.
        sink.append("orders", numbered([-1]))
        sink.flush()
        for start in range(0, 60, 20):
            sink.append("orders", numbered(range(start, start + 20)))
        sink.flush()
        refused = sink.take_refused()
        assert {one.rows["n"][one.row].as_py() for one in refused} == bad
        assert len(refused) == len(bad)
        assert sorted(service.storage.numbers()) == sorted({-1, *range(60)} - bad)


@pytest.mark.parametrize("options", [{}, {"exactly_once": True}, {"pending": True}], ids=str)
@pytest.mark.parametrize("stored", [False, True])
def test_a_call_that_ends_for_a_later_request_refuses_no_row_of_the_first(
    service: BigQuery, options: dict[str, bool], stored: bool
) -> None:
    service.storage.script = [Scripted(Code.INVALID_ARGUMENT, "of another", stored, ends=True)]
    all_sent = threading.Event()

    def wait(request: Any) -> None:
        all_sent.wait(5)

    service.storage.on_request = wait
    sink = service.sink(request_bytes=1, **options)
    sink.append("orders", numbered(range(5)))
    all_sent.set()
    sink.flush()
    assert sink.take_refused() == []
    found = service.storage.numbers()
    assert sorted(set(found)) == list(range(5))
    assert not options or len(found) == 5


def test_a_table_that_takes_no_row_at_all_stops_the_job_and_makes_no_dead_letters(
    service: BigQuery,
) -> None:
    service.storage.judge = lambda row: "bad"
    service.storage.hides_row_errors = True
    sink = service.sink()
    sink.append("orders", numbered(range(1_000)))
    with pytest.raises(BigQueryError, match=r"shop-1\.shop\.orders.*INVALID_ARGUMENT"):
        sink.flush()
    assert len(service.storage.requests) < 50


def test_a_request_over_the_servers_own_bound_is_cut_and_not_waited_for(
    service: BigQuery,
) -> None:
    details = "Received message larger than max (4194310 vs. 4194304)"
    service.storage.script = [Scripted(Code.RESOURCE_EXHAUSTED, details, ends=True)]
    sink = service.sink()
    sink.append("orders", numbered(range(10)))
    sink.flush()
    assert sorted(service.storage.numbers()) == list(range(10))
    assert sink.take_counts()["retries"] == 0
