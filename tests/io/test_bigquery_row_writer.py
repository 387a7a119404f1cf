"""Batches of typed rows written by a pipeline to a BigQuery in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import grpc
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, TimestampedValue

from pipeline_io import bigquery_row_writer, bigquery_streams
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_errors import BigQueryAccessError
from pipeline_io.bigquery_log import NAMESPACE
from pipeline_io.bigquery_row_table import Evolution, RowTable
from pipeline_io.bigquery_row_writer import LEFT_OUT, WriteBigQueryRows
from pipeline_io.record_schema import SINK_ROWS
from tests.io.bigquery_rows import BigQuery, running
from tests.io.bigquery_stand_in import Scripted, path_of

PAYLOAD = pa.struct([pa.field("n", pa.int64()), pa.field("text", pa.large_string())])
COLUMNS = (("n", "INT64"), ("text", "STRING"))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQuery]:
    monkeypatch.setattr(bigquery_streams, "_FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(bigquery_streams, "_LONGEST_WAIT_SECONDS", 0.05)
    with running() as service:
        yield service


def row_table(service: BigQuery, columns: Any = COLUMNS, **more: Any) -> RowTable:
    return RowTable(BigQueryConfig(**service.options()), "orders", tuple(columns), **more)


def batch(numbers: Sequence[int]) -> pa.RecordBatch:
    """Rows whose records have their number as offset."""
    record = [{"topic": "t", "partition": 0, "offset": number} for number in numbers]
    columns: list[pa.Array[Any]] = [
        pa.array([{"n": number, "text": "x"} for number in numbers], PAYLOAD),
        *(pa.nulls(len(numbers), SINK_ROWS.field(name).type) for name in ("key", "attributes")),
        pa.array(record, SINK_ROWS.field("record").type),
    ]
    return pa.RecordBatch.from_arrays(columns, names=SINK_ROWS.names)


def told(refused: pa.RecordBatch, window: Any = beam.DoFn.WindowParam) -> tuple[Any, ...]:
    offsets = [row["record"]["offset"] for row in refused.to_pylist()]
    return (int(window.start), offsets, refused.column("message").to_pylist())


def test_refused_rows_come_with_their_records_in_the_window_of_their_batch(
    service: BigQuery,
) -> None:
    service.storage.judge = lambda row: "odd" if row["n"] % 2 else None
    batches = [TimestampedValue(batch(range(6)), 5), TimestampedValue(batch([7, 8]), 65)]
    with beam.Pipeline() as pipeline:
        refused = (
            pipeline
            | beam.Create(batches)
            | beam.WindowInto(FixedWindows(60))
            | WriteBigQueryRows(row_table(service))
        )
        said = "BigQuery refuses the row: odd"
        expected = [(0, [1, 3, 5], [said] * 3), (60, [7], [said])]
        assert_that(refused | beam.Map(told), equal_to(expected))
    assert sorted(service.storage.numbers()) == [0, 2, 4, 8]


def test_values_that_are_left_out_are_counted(service: BigQuery) -> None:
    bigquery_row_writer.check(row_table(service, [("n", "INT64")]))
    table = row_table(service, evolution=Evolution.IGNORE)
    with beam.Pipeline() as pipeline:
        _ = pipeline | beam.Create([batch(range(4))]) | WriteBigQueryRows(table)
    counters = {
        counter.key.metric.name: counter.committed
        for counter in pipeline.result.metrics().query()["counters"]
        if counter.key.metric.namespace == NAMESPACE
    }
    assert (counters["rows"], counters[LEFT_OUT]) == (4, 4)


def test_rows_wait_until_added_columns_are_seen(service: BigQuery) -> None:
    bigquery_row_writer.check(row_table(service, [("n", "INT64")]))
    service.rest.lag = True

    def see(request: object) -> None:
        if len(service.storage.requests) >= 2:
            service.rest.catch_up()

    service.storage.on_request = see
    table = row_table(service, evolution=Evolution.ADD)
    with beam.Pipeline() as pipeline:
        _ = pipeline | beam.Create([batch([1])]) | WriteBigQueryRows(table)
    assert len(service.storage.requests) > 2
    assert service.storage.stored[path_of("orders")] == [{"n": 1, "text": "x"}]


def test_a_bundle_that_failed_leaves_nothing_to_its_second_try(service: BigQuery) -> None:
    writer = bigquery_row_writer._WriteRows(row_table(service))  # noqa: SLF001
    writer.setup()
    writer.start_bundle()
    service.storage.script = [Scripted(grpc.StatusCode.PERMISSION_DENIED, "no")]
    writer.process(batch([1]), 0, None)
    with pytest.raises(BigQueryAccessError):
        list(writer.finish_bundle())
    writer.start_bundle()
    writer.process(batch([2]), 0, None)
    assert list(writer.finish_bundle()) == []
    writer.teardown()
    assert service.storage.numbers() == [2]


def test_a_table_is_made_by_the_check_before_a_row_comes(service: BigQuery) -> None:
    bigquery_row_writer.check(row_table(service))
    assert [f["name"] for f in service.rest.tables["orders"]["schema"]["fields"]] == ["n", "text"]
