"""The emulator killed and started again: a start takes its time, and it forgets its streams."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest

from pipeline_io.bigquery_errors import BigQueryError
from tests.io.bigquery_live import MakeSink, column_of, fresh_dataset, sinks
from tests.stack.servers import BigQuery

pytestmark = pytest.mark.slow


@pytest.fixture
def make_sink(bigquery: BigQuery) -> Iterator[MakeSink]:
    with sinks(bigquery, fresh_dataset()) as make:
        yield make


@pytest.mark.parametrize("mode", ["default", "exactly_once", "pending"])
def test_a_server_killed_between_flushes_loses_and_doubles_nothing(
    make_sink: MakeSink, bigquery: BigQuery, mode: str
) -> None:
    sink = make_sink(**({} if mode == "default" else {mode: True}))
    sink.ensure_table("orders", [("n", "INT64")])
    for start in (0, 10, 20):
        sink.append("orders", pa.record_batch({"n": pa.array(range(start, start + 10))}))
        sink.flush()
        if start == 10:
            bigquery.kill()
            bigquery.start()
    assert column_of(sink, "orders", "n") == list(range(30))


def test_a_server_killed_in_the_middle_loses_nothing(
    make_sink: MakeSink, bigquery: BigQuery
) -> None:
    sink = make_sink(request_bytes=8)
    sink.ensure_table("orders", [("n", "INT64")])

    def restart() -> None:
        bigquery.kill()
        bigquery.start()

    fault = threading.Timer(0.3, restart)
    fault.start()
    sink.append("orders", pa.record_batch({"n": pa.array(range(30))}))
    sink.flush()
    fault.join()
    assert sorted(set(column_of(sink, "orders", "n"))) == list(range(30))


def test_exactly_once_doubles_nothing_whatever_the_server_forgets(
    make_sink: MakeSink, bigquery: BigQuery
) -> None:
    sink = make_sink(request_bytes=8, exactly_once=True)
    sink.ensure_table("orders", [("n", "INT64")])
    fault = threading.Timer(0.3, bigquery.kill)
    fault.start()
    is_stopped = False
    back = threading.Timer(1.0, bigquery.start)
    back.start()
    try:
        sink.append("orders", pa.record_batch({"n": pa.array(range(30))}))
        sink.flush()
    except BigQueryError as error:
        # The emulator's streams do not outlive it, so that what it stored cannot be known.
        assert "nothing tells whether they are stored" in str(error)
        is_stopped = True
    fault.join()
    back.join()
    found = column_of(sink, "orders", "n")
    assert len(found) == len(set(found))
    assert is_stopped or found == list(range(30))
