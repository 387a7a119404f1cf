"""The writer in pipelines, and its bundles."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import grpc
import pyarrow as pa
import pytest
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that
from apache_beam.transforms.window import FixedWindows, IntervalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipeline_io import pubsub_publisher
from pipeline_io.pubsub import NAMESPACE, WriteMessages
from pipeline_io.pubsub_errors import PubsubAccessError
from tests.io.pubsub_rows import sink_rows
from tests.io.pubsub_stand_in import StandIn

Code = grpc.StatusCode


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub_publisher, "_FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def service() -> Iterator[StandIn]:
    with StandIn() as service:
        yield service


def refused_values(batches: list[pa.RecordBatch]) -> list[tuple[bytes, str]]:
    return sorted(
        (row["record"]["value"], row["error_class"]) for one in batches for row in one.to_pylist()
    )


def test_messages_are_published_and_the_refused_come_out(service: StandIn) -> None:
    service.script = [Code.UNAVAILABLE]
    service.judge = lambda payload: Code.INVALID_ARGUMENT if payload == b"bad" else None
    batches = [
        sink_rows([b"a", b"bad", b"b"]),
        sink_rows([b"c", b"long"], attributes=[{}, {"table": "t" * 2_000}]),
        sink_rows([]),
    ]

    def expect(found: list[pa.RecordBatch]) -> None:
        assert refused_values(found) == [
            (b"bad", "RefusedByPubsub"),
            (b"long", "AttributeTooLarge"),
        ]

    pipeline = TestPipeline()
    refused = pipeline | beam.Create(batches) | WriteMessages(service.config())
    assert_that(refused, expect)
    result = pipeline.run()
    result.wait_until_finish()

    assert sorted(service.payloads()) == [b"a", b"b", b"c"]
    counters = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    counts = {one.key.metric.name: one.committed for one in counters}
    assert (counts["messages"], counts["refused"], counts["retries"]) == (3, 2, 1)


def placed(
    batch: pa.RecordBatch,
    timestamp: Any = beam.DoFn.TimestampParam,
    window: Any = beam.DoFn.WindowParam,
) -> tuple[bytes, int, int]:
    return batch.to_pylist()[0]["record"]["value"], int(timestamp), int(window.start)


def test_a_refused_message_keeps_its_window_and_time(service: StandIn) -> None:
    service.judge = lambda payload: Code.INVALID_ARGUMENT
    batches = [TimestampedValue(sink_rows([b"x"]), 25), TimestampedValue(sink_rows([b"y"]), 71)]

    def expect(found: list[Any]) -> None:
        assert sorted(found) == [(b"x", 25, 20), (b"y", 71, 70)]

    with TestPipeline() as pipeline:
        refused = (
            pipeline
            | beam.Create(batches)
            | beam.Map(lambda batch: batch)
            | beam.WindowInto(FixedWindows(10))
            | WriteMessages(service.config())
        )
        assert_that(refused | beam.Map(placed), expect)


def test_a_topic_that_does_not_exist_fails_the_pipeline(service: StandIn) -> None:
    service.topics.clear()

    with pytest.raises(Exception, match="does not exist") as caught, TestPipeline() as pipeline:
        _ = pipeline | beam.Create([sink_rows([b"a"])]) | WriteMessages(service.config())

    assert "curl -X PUT" in str(caught.value)


def writer_of(service: StandIn, **options: Any) -> Any:
    """The DoFn under the transform, as a worker unpickles it."""
    applied: list[Any] = []

    class Seen:
        def __or__(self, step: Any) -> Any:
            applied.append(step.transform.fn)
            return self

    WriteMessages(service.config(**options)).expand(Seen())  # type: ignore[arg-type]  # no pipeline
    return pickle.loads(pickle.dumps(applied[0]))  # noqa: S301  # of this very test


WINDOW = IntervalWindow(Timestamp(0), Timestamp(10))


def process(writer: Any, rows: pa.RecordBatch) -> None:
    assert list(writer.process(rows, Timestamp(5), WINDOW)) == []


def test_a_bundle_ends_only_when_its_messages_are_confirmed(service: StandIn) -> None:
    service.script = [Code.UNAVAILABLE] * 3
    writer = writer_of(service)
    writer.setup()
    writer.start_bundle()
    process(writer, sink_rows([b"a", b"b"]))

    assert list(writer.finish_bundle()) == []
    assert service.payloads() == [b"a", b"b"]
    writer.teardown()


def test_a_bundle_after_one_that_failed_starts_afresh(service: StandIn) -> None:
    service.topics.clear()
    writer = writer_of(service)
    writer.setup()
    writer.start_bundle()
    process(writer, sink_rows([b"a"]))
    with pytest.raises(PubsubAccessError):
        list(writer.finish_bundle())

    service.topics.add("projects/shop-1/topics/items")
    writer.start_bundle()
    process(writer, sink_rows([b"a"]))
    list(writer.finish_bundle())

    assert service.payloads() == [b"a"]
    writer.teardown()


def test_what_an_abandoned_bundle_left_unsent_stays_unsent(service: StandIn) -> None:
    service.script = [Code.UNAVAILABLE] * 1_000
    writer = writer_of(service, ordering_key=True)
    writer.setup()
    writer.start_bundle()
    process(writer, sink_rows([b"old"], [b"k"]))
    # Another step of the bundle failed: it is tried again without finish_bundle.
    writer.start_bundle()
    service.script = []
    process(writer, sink_rows([b"new"], [b"k"]))
    list(writer.finish_bundle())
    writer.teardown()

    assert service.payloads() == [b"new"]


def test_a_writer_is_closed_twice_without_harm(service: StandIn) -> None:
    writer = writer_of(service)
    writer.setup()
    writer.teardown()
    writer.teardown()
    with pytest.raises(RuntimeError, match="after teardown"):
        list(writer.process(sink_rows([b"a"]), Timestamp(5), WINDOW))
