from __future__ import annotations

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.io.gcp import pubsub
from apache_beam.pvalue import PCollection
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that

from pipeline_io import pubsub_dataflow
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_dataflow import dataflow_writer, pubsub_messages
from tests.io.pubsub_rows import sink_rows

CONFIG = PubsubConfig("shop-1", "items", content_type="application/json")


@pytest.fixture(autouse=True)
def no_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)


def test_a_row_becomes_a_message_of_beam_that_beam_accepts() -> None:
    rows = sink_rows([b"a", b""], attributes=[{"op": "u", "table": "shop.items"}, None])

    found = pubsub_messages(rows, CONFIG)

    assert [(one.data, one.attributes) for one in found] == [
        (b"a", {"op": "u", "table": "shop.items", "content_type": "application/json"}),
        (b"", {"content_type": "application/json"}),
    ]
    assert all(pubsub.WriteToPubSub.message_to_proto_str(one) for one in found)


def test_messages_within_the_limits_go_to_beams_writer_and_the_others_come_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Collected(beam.PTransform[PCollection[pubsub.PubsubMessage], None]):
        def __init__(self, topic: str, with_attributes: bool) -> None:
            super().__init__()
            assert (topic, with_attributes) == ("projects/shop-1/topics/items", True)

        def expand(self, messages: PCollection[pubsub.PubsubMessage]) -> None:
            def expect(found: list[pubsub.PubsubMessage]) -> None:
                assert [message.data for message in found] == [b"a"]

            assert_that(messages, expect, label="ExpectMessages")

    monkeypatch.setattr(pubsub_dataflow, "WriteToPubSub", Collected)

    def expect_refused(found: list[pa.RecordBatch]) -> None:
        (batch,) = found
        assert batch.column("error_class").to_pylist() == ["AttributeTooLarge"]

    rows = sink_rows([b"a", b"b"], attributes=[{}, {"op": "o" * 1_025}])
    with TestPipeline() as pipeline:
        refused = pipeline | beam.Create([rows]) | dataflow_writer(CONFIG)
        assert_that(refused, expect_refused, label="ExpectRefused")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (PubsubConfig("shop-1", "items", ordering_key=True), "has no ordering keys"),
        (PubsubConfig("shop-1", "items", endpoint="http://x:1"), "got 'http://x:1'"),
    ],
)
def test_what_dataflow_does_not_do_is_refused_before_the_job_starts(
    config: PubsubConfig, expected: str
) -> None:
    with pytest.raises(ValueError, match="Dataflow's own") as caught:
        dataflow_writer(config)

    assert expected in str(caught.value)
