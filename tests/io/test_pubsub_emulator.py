"""The writer against Google's emulator."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Sequence

import apache_beam as beam
import grpc
import pyarrow as pa
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, is_empty
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from pipeline_io.pubsub import WriteMessages
from pipeline_io.pubsub_check import check
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_errors import PubsubAccessError
from tests.io.forwarder import Forwarder
from tests.io.pubsub_rows import change_attributes, sink_rows
from tests.stack.topics import PubSubTopic

# What is pickled with a pipeline holds no sockets.
_WAYS: list[Forwarder] = []


def _cut_in_between(batch: pa.RecordBatch) -> pa.RecordBatch:
    if batch.column("payload")[0].as_py() == b'{"n":1500}':
        _WAYS.pop().cut()
    return batch


def config_of(topic: PubSubTopic, address: str = "", **options: object) -> PubsubConfig:
    endpoint = f"http://{address or topic.address}"
    return PubsubConfig(topic.project, topic.name, endpoint=endpoint, **options)  # type: ignore[arg-type]  # as given


def numbered(start: int, end: int) -> pa.RecordBatch:
    numbers = range(start, end)
    return sink_rows(
        [b'{"n":%d}' % number for number in numbers],
        [b"key-%d" % (number % 7) for number in numbers],
        [change_attributes(number) for number in numbers],
    )


def write(config: PubsubConfig, batches: Sequence[pa.RecordBatch]) -> None:
    with TestPipeline() as pipeline:
        refused = pipeline | beam.Create(list(batches)) | WriteMessages(config)
        assert_that(refused, is_empty())


def test_the_emulator_has_every_message_with_its_attributes(pubsub_topic: PubSubTopic) -> None:
    config = config_of(pubsub_topic, content_type="application/json")
    check(config)

    write(config, [numbered(0, 1_500), numbered(1_500, 2_000)])

    received = {message.data: message for message in pubsub_topic.pull(2_000)}
    assert received.keys() == {b'{"n":%d}' % number for number in range(2_000)}
    expected = {**change_attributes(1_234), "content_type": "application/json"}
    assert dict(received[b'{"n":1234}'].attributes) == expected


def test_a_keys_messages_are_delivered_in_order(ordered_pubsub_topic: PubSubTopic) -> None:
    config = config_of(ordered_pubsub_topic, ordering_key=True, max_messages=5)

    write(config, [numbered(0, 200)])

    found = defaultdict(list)
    for message in ordered_pubsub_topic.pull(200):
        found[message.ordering_key].append(int(message.data[5:-1]))
    assert found == {f"key-{key}": list(range(key, 200, 7)) for key in range(7)}


def test_a_message_of_almost_ten_million_bytes_is_taken(pubsub_topic: PubSubTopic) -> None:
    config = config_of(pubsub_topic)

    write(config, [sink_rows([b"x" * 9_999_000, b"y"])])

    # Its answer is over what gRPC takes unless it is told.
    options = [("grpc.max_receive_message_length", -1)]
    channel = grpc.insecure_channel(pubsub_topic.address, options=options)
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    sizes: list[int] = []
    while len(sizes) < 2:
        answer = subscriber.pull(subscription=pubsub_topic.subscription, max_messages=2, timeout=60)
        sizes += [len(received.message.data) for received in answer.received_messages]
    channel.close()
    assert sorted(sizes) == [1, 9_999_000]


def test_a_topic_that_does_not_exist_is_told_before_anything_is_read(
    pubsub_topic: PubSubTopic,
) -> None:
    config = PubsubConfig(
        pubsub_topic.project, "nowhere", endpoint=f"http://{pubsub_topic.address}"
    )

    with pytest.raises(PubsubAccessError, match="does not exist"):
        check(config)


def test_an_emulator_that_is_away_at_the_start_is_waited_for(
    pubsub_topic: PubSubTopic, caplog: pytest.LogCaptureFixture
) -> None:
    with Forwarder(pubsub_topic.address) as way:
        way.cut()
        back = threading.Thread(target=_restore_once_missed, args=(way, caplog))
        back.start()
        write(config_of(pubsub_topic, way.address), [numbered(0, 100)])
        back.join()

    assert len(pubsub_topic.pull(100)) == 100
    assert "does not answer" in caplog.text


def test_an_emulator_that_goes_away_in_mid_bundle_loses_nothing(
    pubsub_topic: PubSubTopic, caplog: pytest.LogCaptureFixture
) -> None:
    sent = {b'{"n":%d}' % number for number in range(3_000)}
    with Forwarder(pubsub_topic.address) as way:
        _WAYS.append(way)
        back = threading.Thread(target=_restore_once_missed, args=(way, caplog))
        back.start()
        config = config_of(pubsub_topic, way.address, max_messages=100)
        batches = [numbered(start, start + 500) for start in range(0, 3_000, 500)]
        with TestPipeline() as pipeline:
            cut = pipeline | beam.Create(batches) | beam.Map(_cut_in_between)
            assert_that(cut | WriteMessages(config), is_empty())
        back.join()

    # A request whose answer was lost is there twice.
    assert {message.data for message in pubsub_topic.drain()} == sent
    assert "takes messages again" in caplog.text


def _restore_once_missed(way: Forwarder, caplog: pytest.LogCaptureFixture) -> None:
    while "does not answer" not in caplog.text:
        threading.Event().wait(0.05)
    logging.getLogger(__name__).info("the way is open again")
    way.restore()
