import logging
import os
import threading

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to
from confluent_kafka import KafkaError

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaAccessError, KafkaUnavailable
from pipeline_io.kafka_write_check import check_topic
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_writer import WriteTopic
from pipeline_io.record_schema import ATTRIBUTES
from tests.io.kafka_sink_rows import read_topic, sink_rows
from tests.io.kafka_write_bundle import Bundle
from tests.stack.servers import Kafka
from tests.stack.topics import Topics

_headers: list[tuple[str, ...]] = [ATTRIBUTES]


@pytest.fixture(autouse=True, params=[ATTRIBUTES, ()], ids=["client", "native"])
def headers(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Of all sinks here; without any, messages are handed to librdkafka a column at a time."""
    _headers[0] = request.param
    return _headers[0]


def sink(kafka: Kafka, topic: str, seconds: float = 60) -> TopicSink:
    cluster = KafkaCluster(kafka.brokers)
    return TopicSink(cluster, topic, headers=_headers[0], delivery_seconds=seconds)


def test_messages_arrive_with_value_key_and_headers(
    kafka: Kafka, topic: Topics, headers: tuple[str, ...]
) -> None:
    name = topic()
    attributes: list[dict[str, str | None] | None] = [
        {"event_id": "e1", "order_key": "o1", "table": "items", "op": "c"},
        {"event_id": "e2", "table": "items"},
        None,
    ]
    rows = sink_rows([b"one", b"", b"three"], [b"k", None, b"k"], attributes)
    refused = Bundle(sink(kafka, name)).run([rows])
    assert refused == []
    found = [(each.value(), each.key(), each.headers()) for each in read_topic(kafka.brokers, name)]
    first = [("event_id", b"e1"), ("order_key", b"o1"), ("table", b"items"), ("op", b"c")]
    second = [("event_id", b"e2"), ("table", b"items")]
    assert found == [
        (b"one", b"k", first if headers else None),
        (b"", None, second if headers else None),
        (b"three", b"k", None),
    ]


def test_a_job_of_beam_writes_every_message_and_keeps_the_order_of_a_key(
    kafka: Kafka, topic: Topics
) -> None:
    name = topic(partitions=3)
    batches = [
        sink_rows(
            [f"{batch * 1000 + row}".encode() for row in range(1000)],
            [f"key{row % 7}".encode() for row in range(1000)],
        )
        for batch in range(20)
    ]
    with beam.Pipeline() as pipeline:
        rows = pipeline | beam.Create([batches]) | beam.FlatMap(lambda each: each)
        refused = rows | WriteTopic(sink(kafka, name))
        assert_that(refused, equal_to([]))
    by_key: dict[bytes | None, list[int]] = {}
    for message in read_topic(kafka.brokers, name, partitions=3):
        by_key.setdefault(message.key(), []).append(int(message.value() or b""))
    assert len(by_key) == 7
    for numbers in by_key.values():
        assert numbers == sorted(numbers)
    everything = [number for numbers in by_key.values() for number in numbers]
    assert sorted(everything) == list(range(20_000))


def test_a_key_stands_in_the_partition_that_javas_clients_choose(
    kafka: Kafka, topic: Topics
) -> None:
    name = topic(partitions=8)
    keys = [b"21", b"foobar", b"a-little-bit-long-string", b"abc"]
    Bundle(sink(kafka, name)).run([sink_rows(keys, keys)])
    found = {each.key(): each.partition() for each in read_topic(kafka.brokers, name, 8)}
    # Murmur2 of these keys by Java's own test, without the sign, by 8 partitions.
    hashes = [-973932308, -790332482, -985981536, 479470107]
    assert found == {key: (it & 0x7FFFFFFF) % 8 for key, it in zip(keys, hashes, strict=True)}


def test_a_message_over_the_topics_limit_is_refused_alone(kafka: Kafka, topic: Topics) -> None:
    name = topic(config={"max.message.bytes": "20000"})
    payloads = [bytes([number]) * 500 for number in range(100)]
    payloads[30] = os.urandom(30_000)
    refused = Bundle(sink(kafka, name)).run([sink_rows(payloads), sink_rows([b"next"])])
    assert [each.value() for each in read_topic(kafka.brokers, name)] == [
        *payloads[:30],
        *payloads[31:],
        b"next",
    ]
    (row,) = refused
    assert row["record"]["offset"] == 30
    assert row["record"]["value"] == b"original"
    assert row["error_class"] == "MessageTooLarge"
    assert row["message"].startswith("the message has 30,000 bytes with its key, and the topic")
    assert "takes 20,000 at most (max.message.bytes" in row["message"]


def test_what_a_broker_refuses_takes_no_message_of_the_same_request_with_it(
    kafka: Kafka, topic: Topics
) -> None:
    name = topic(config={"cleanup.policy": "compact"})
    keys = [b"a", None, b"b", b"c", None]
    rows = sink_rows([b"0", b"1", b"2", b"3", b"4"], keys)
    refused = Bundle(sink(kafka, name)).run([rows, rows])
    assert [each.value() for each in read_topic(kafka.brokers, name)] == [b"0", b"2", b"3"] * 2
    assert [row["record"]["offset"] for row in refused] == [1, 4, 1, 4]
    assert refused[0]["error_class"] == "MessageRefused"
    assert "takes no message without a key: set 'key.fields'" in refused[0]["message"]


def test_a_limit_that_the_writer_does_not_know_is_the_brokers_word(
    kafka: Kafka, topic: Topics
) -> None:
    name = topic(config={"max.message.bytes": "20000"})
    payloads = [os.urandom(500) for _ in range(100)] + [os.urandom(30_000)]
    bundle = Bundle(sink(kafka, name), known_limit=None)
    refused = bundle.run([sink_rows(payloads)])
    assert [each.value() for each in read_topic(kafka.brokers, name)] == payloads[:100]
    assert [row["record"]["offset"] for row in refused] == [100]


def test_a_broker_that_stops_in_mid_bundle_and_comes_back_loses_nothing(
    kafka: Kafka, topic: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    name = topic()
    caplog.set_level(logging.WARNING)
    bundle = Bundle(sink(kafka, name))
    batches = [
        sink_rows([f"{batch * 1000 + row}".encode() for row in range(1000)]) for batch in range(20)
    ]
    for batch in batches[:10]:
        assert bundle.process(batch) == []
    kafka.kill()
    for batch in batches[10:]:
        assert bundle.process(batch) == []
    # Longer than the writer stays silent about it.
    comes_back = threading.Timer(12, kafka.start)
    comes_back.start()
    assert bundle.finish() == []
    comes_back.join()
    found = [int(each.value() or b"") for each in read_topic(kafka.brokers, name)]
    assert found == list(range(20_000))
    assert any("messages wait, none was confirmed for" in text for text in caplog.messages)


def test_a_broker_that_stays_away_fails_the_bundle_and_the_next_try_loses_nothing(
    kafka: Kafka, topic: Topics
) -> None:
    name = topic()
    bundle = Bundle(sink(kafka, name, seconds=3))
    rows = sink_rows([b"0", b"1", b"2"])
    assert bundle.run([rows]) == []
    with kafka.stopped():
        with pytest.raises(KafkaUnavailable, match="check that the brokers are up"):
            bundle.run([rows])
    assert bundle.run([rows]) == []
    found = [each.value() for each in read_topic(kafka.brokers, name)]
    assert found[-3:] == [b"0", b"1", b"2"]
    assert len(found) in (6, 9)


def test_after_a_fatal_error_the_bundle_is_written_again_by_another_producer(
    kafka: Kafka, topic: Topics
) -> None:
    name = topic()
    bundle = Bundle(sink(kafka, name))
    assert bundle.process(sink_rows([b"0"])) == []
    fatal = KafkaError(KafkaError._FATAL, "out of sequence", fatal=True)  # noqa: SLF001
    bundle.report(0, fatal)
    with pytest.raises(KafkaUnavailable, match="out of sequence"):
        bundle.finish()
    assert bundle.run([sink_rows([b"0", b"1"])]) == []
    assert [each.value() for each in read_topic(kafka.brokers, name)][-2:] == [b"0", b"1"]


def test_a_bundle_of_many_messages_is_confirmed_in_between(
    kafka: Kafka, topic: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline_io.kafka_writer.MOST_HELD_MESSAGES", 10)
    name = topic(config={"max.message.bytes": "20000"})
    bundle = Bundle(sink(kafka, name))
    assert bundle.process(sink_rows([b"x"] * 9)) == []
    refused = bundle.process(sink_rows([b"y", os.urandom(30_000)]))
    assert [row["record"]["offset"] for row in refused] == [1]
    assert len(read_topic(kafka.brokers, name)) == 10
    assert bundle.finish() == []


def test_a_topic_is_checked_before_anything_is_written(kafka: Kafka, topic: Topics) -> None:
    name = topic(partitions=2, config={"max.message.bytes": "20000"})
    found = WriteTopic(sink(kafka, name)).check()
    assert (found.partitions, found.max_message_bytes) == (2, 20_000)
    assert found.describe() == (
        f"the topic {name!r} of Kafka at {kafka.brokers}, 2 partitions, messages up to 20,000 bytes"
    )


def test_a_topic_that_the_brokers_make_is_not_made_by_the_check(
    kafka: Kafka, topic: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    name = topic() + "-new"
    for _ in range(2):
        found = WriteTopic(sink(kafka, name)).check()
        assert found.partitions is None
    assert "the brokers make it with the first message" in caplog.text
    Bundle(sink(kafka, name)).run([sink_rows([b"first"])])
    assert [each.value() for each in read_topic(kafka.brokers, name)] == [b"first"]


def test_a_wrong_password_stops_the_check_and_the_writer(
    kafka: Kafka, topic: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG", "not-the-password")
    cluster = KafkaCluster(
        kafka.sasl_brokers,
        {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
        kafka.username,
        "env://WRONG",
    )
    with pytest.raises(KafkaAccessError, match="check the user, the password"):
        WriteTopic(TopicSink(cluster, topic(), headers=_headers[0])).check()
    with pytest.raises(KafkaAccessError, match="check the user, the password"):
        Bundle(TopicSink(cluster, topic(), headers=_headers[0])).run([sink_rows([b"x"])])


def test_a_user_without_rights_is_told_which_to_ask_for(
    kafka: Kafka, topic: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGER", "stranger-password")
    cluster = KafkaCluster(
        kafka.sasl_brokers,
        {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
        "stranger",
        "env://STRANGER",
    )
    name = topic()
    with pytest.raises(KafkaAccessError, match="grant the user WRITE and DESCRIBE on the topic"):
        WriteTopic(TopicSink(cluster, name, headers=_headers[0])).check()
    with pytest.raises(KafkaAccessError, match="grant the user WRITE and DESCRIBE on the topic"):
        bundle = Bundle(TopicSink(cluster, name, headers=_headers[0]), known_limit=None)
        bundle.run([sink_rows([b"x"])])


def test_brokers_that_are_not_there_are_told_of_soon() -> None:
    gone = TopicSink(KafkaCluster("127.0.0.1:9"), "items")
    with pytest.raises(KafkaUnavailable, match="check that the brokers are up"):
        check_topic(gone, seconds=1)
