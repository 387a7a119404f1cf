"""Messages handed to librdkafka a column at a time, over a real broker."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import confluent_kafka
import pyarrow as pa
import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_library import library
from pipeline_io.kafka_native_producer import NativeProducer, _places, is_possible
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_write_producer import TopicProducer
from tests.io.kafka_sink_rows import read_topic, sink_rows
from tests.stack.servers import Kafka
from tests.stack.topics import Topics

MakeProducer = Callable[..., NativeProducer]


@pytest.fixture
def told() -> list[Any]:
    """What producers told of messages, by their number, and of connections."""
    return []


@pytest.fixture
def make(told: list[Any]) -> Iterator[MakeProducer]:
    made = []

    def producer(brokers: str, topic: str, **given: Any) -> NativeProducer:
        native = library()
        assert native is not None, "the client library hides librdkafka: is it a build of its own?"
        config = TopicSink(KafkaCluster(brokers), topic, headers=()).producer_config(None)
        config |= {"error_cb": told.append, **given}
        producer = NativeProducer(native, config, topic, lambda *report: told.append(report))
        made.append(producer)
        return producer

    yield producer
    for one in made:
        one.close(0)


def flushed(producer: NativeProducer) -> None:
    deadline = time.monotonic() + 30
    while producer.flush(0.2):
        assert time.monotonic() < deadline


def columns(payloads: list[bytes], keys: list[bytes | None] | None = None) -> tuple[Any, Any]:
    rows = sink_rows(payloads, keys)
    return rows.column("payload"), rows.column("key")


@given(
    st.lists(st.none() | st.binary(max_size=5), max_size=12),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_a_place_is_where_a_value_lies(values: list[bytes | None], start: int, count: int) -> None:
    column: Any = pa.array(values, pa.large_binary()).slice(min(start, len(values)), count)
    found = []
    for address, size in zip(*_places(column), strict=True):
        found.append(None if address == 0 else pa.foreign_buffer(int(address), int(size)))
    assert [None if one is None else one.to_pybytes() for one in found] == column.to_pylist()


def test_messages_of_slices_arrive_as_they_are(
    kafka: Kafka, topic: Topics, make: MakeProducer, told: list[Any]
) -> None:
    name = topic()
    producer = make(kafka.brokers, name)
    payloads, keys = columns(
        [b"left out", b"one", b"", b"three", b"four"], [b"x", b"k", None, b"", b"k"]
    )
    settled = producer.produce_rows(payloads.slice(1, 3), keys.slice(1, 3), 0)
    assert settled == ([], None)
    none, without = columns([b"five"])
    assert producer.produce_rows(none, without, 3) == ([], None)
    assert producer.produce_rows(payloads.slice(0, 0), keys.slice(0, 0), 4) == ([], None)
    flushed(producer)
    found = [(each.value(), each.key()) for each in read_topic(kafka.brokers, name)]
    assert found == [(b"one", b"k"), (b"", None), (b"three", b""), (b"five", None)]
    assert told == []


def test_a_message_that_the_library_refuses_is_told_by_its_row_and_the_others_go(
    kafka: Kafka, topic: Topics, make: MakeProducer
) -> None:
    name = topic()
    producer = make(kafka.brokers, name, **{"message.max.bytes": 1000})
    payloads, keys = columns([b"a", os.urandom(2_000), b"b"])
    (refused,), full = producer.produce_rows(payloads, keys, 10)
    assert (refused[0], refused[1].code(), full) == (1, KafkaError.MSG_SIZE_TOO_LARGE, None)
    assert "too large" in refused[1].str()
    flushed(producer)
    assert [each.value() for each in read_topic(kafka.brokers, name)] == [b"a", b"b"]


def test_a_full_queue_takes_nothing_behind_the_first_without_room(
    kafka: Kafka, topic: Topics, make: MakeProducer
) -> None:
    name = topic()
    producer = make(kafka.brokers, name, **{"queue.buffering.max.messages": 7})
    payloads, keys = columns([str(number).encode() for number in range(20)])
    start, rounds = 0, 0
    while start < 20:
        settled = producer.produce_rows(payloads.slice(start), keys.slice(start), start)
        assert settled.refused == []
        if settled.first_without_room is None:
            break
        assert settled.first_without_room <= 7
        start, rounds = start + settled.first_without_room, rounds + 1
        flushed(producer)
    assert rounds == 2
    flushed(producer)
    found = [int(each.value() or b"") for each in read_topic(kafka.brokers, name)]
    assert found == list(range(20))


def test_the_sink_waits_for_room_and_keeps_the_order(
    kafka: Kafka, topic: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline_io.kafka_write_config.QUEUE_MESSAGES", 100)
    name = topic()
    producer = TopicProducer(TopicSink(KafkaCluster(kafka.brokers), name, headers=()), None)
    payloads = [str(number).encode() for number in range(1_000)]
    producer.send_rows(sink_rows(payloads), 0)
    producer.send_rows(sink_rows(payloads), 1_000)
    assert producer.confirm() == []
    assert producer.is_idle
    producer.close()
    assert [each.value() for each in read_topic(kafka.brokers, name)] == payloads * 2


@pytest.mark.parametrize("client", ["librdkafka", "python"])
def test_a_small_batch_does_not_wait_for_more_messages(
    kafka: Kafka, topic: Topics, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    monkeypatch.setenv("KAMIFLOW_KAFKA_CLIENT", client)
    for module in ("kafka_write_config", "kafka_write_producer"):
        monkeypatch.setattr(f"pipeline_io.{module}.LINGER_MS", 100_000)
    name = topic()
    producer = TopicProducer(TopicSink(KafkaCluster(kafka.brokers), name, headers=()), None)
    deadline = time.monotonic() + 30
    sent = 0
    try:
        # What is sent before the brokers are known, or on a busy machine, leaves with a later one.
        while not read_topic(kafka.brokers, name):
            assert time.monotonic() < deadline, "the messages have not left"
            producer.send_rows(sink_rows([b"one", b"two"]), sent)
            sent += 2
    finally:
        producer.close()


def test_a_small_batch_waits_as_long_as_the_sink_says(kafka: Kafka, topic: Topics) -> None:
    patient = KafkaCluster(kafka.brokers, properties={"linger.ms": "100000"})
    name = topic()
    producer = TopicProducer(TopicSink(patient, name, headers=()), None)
    try:
        producer.send_rows(sink_rows([b"one", b"two"]), 0)
        time.sleep(1)
        assert read_topic(kafka.brokers, name) == []
        assert producer.confirm() == []
        assert len(read_topic(kafka.brokers, name)) == 2
    finally:
        producer.close()


def test_what_a_broker_refuses_is_told_by_its_number(
    kafka: Kafka, topic: Topics, make: MakeProducer, told: list[Any]
) -> None:
    name = topic(config={"cleanup.policy": "compact"})
    producer = make(kafka.brokers, name)
    producer.produce_rows(*columns([b"0", b"1"], [b"a", None]), 40)
    flushed(producer)
    assert {(number, error.code()) for number, error in told} >= {(41, KafkaError.INVALID_RECORD)}


def test_messages_that_are_dropped_are_told_of(make: MakeProducer, told: list[Any]) -> None:
    producer = make("127.0.0.1:9", "items")
    producer.produce_rows(*columns([b"0", b"1"]), 5)
    assert len(producer) >= 2
    producer.poll(1)
    assert any(isinstance(one, KafkaError) and one.name() == "_TRANSPORT" for one in told)
    told.clear()
    producer.close(2)
    reports = [(one[0], one[1].name()) for one in told if isinstance(one, tuple)]
    assert reports == [(5, "_PURGE_QUEUE"), (6, "_PURGE_QUEUE")]
    producer.close(2)


def test_a_producer_that_is_let_go_ends(make: MakeProducer) -> None:
    native = library()
    assert native is not None
    config = TopicSink(KafkaCluster("127.0.0.1:9"), "items", headers=()).producer_config(None)
    producer = NativeProducer(native, config | {"error_cb": print}, "items", print)
    producer.produce_rows(*columns([b"0"]), 0)
    del producer
    gc.collect()


def test_a_property_that_the_library_does_not_take_is_told_of(make: MakeProducer) -> None:
    for setting in ({"linger.mss": "5"}, {"max.in.flight": "9"}):
        with pytest.raises(KafkaException, match=r"linger\.mss|max\.in\.flight"):
            make("127.0.0.1:9", "items", **setting)


def test_a_login_by_a_callback_and_own_headers_are_left_to_the_client() -> None:
    assert is_possible({"acks": "all", "linger.ms": 5, "error_cb": print, "logger": print})
    assert not is_possible({"oauth_cb": print})
    sink = TopicSink(KafkaCluster("127.0.0.1:9"), "items", headers=())
    for options, kind in (
        ({}, NativeProducer),
        ({"with_own_headers": True}, confluent_kafka.Producer),
    ):
        producer = TopicProducer(sink, None, **options)
        assert type(producer._producer) is kind  # noqa: SLF001
        producer.close()


def test_the_python_client_does_it_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = TopicSink(KafkaCluster("127.0.0.1:9"), "items", headers=())
    monkeypatch.setenv("KAMIFLOW_KAFKA_CLIENT", "python")
    producer = TopicProducer(sink, None)
    assert type(producer._producer) is confluent_kafka.Producer  # noqa: SLF001
    producer.close()
    monkeypatch.setenv("KAMIFLOW_KAFKA_CLIENT", "pyton")
    with pytest.raises(KafkaConfigError, match="KAMIFLOW_KAFKA_CLIENT is 'pyton'"):
        TopicProducer(sink, None)
