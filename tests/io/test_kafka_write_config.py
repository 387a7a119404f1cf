import pickle

import pytest

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_write_producer import TopicProducer

CLUSTER = KafkaCluster("127.0.0.1:9")


def with_properties(**properties: str) -> TopicSink:
    named = {name.replace("_", "."): value for name, value in properties.items()}
    return TopicSink(KafkaCluster("127.0.0.1:9", named), "items")


def test_requests_stay_below_the_topics_limit_of_messages() -> None:
    config = TopicSink(CLUSTER, "items").producer_config(20_000)
    assert (config["batch.size"], config["message.max.bytes"]) == (20_000, 20_000)
    config = TopicSink(CLUSTER, "items").producer_config(50_000_000)
    assert (config["batch.size"], config["message.max.bytes"]) == (1_000_000, 50_000_000)
    # The queue holds the largest message.
    assert int(str(config["queue.buffering.max.kbytes"])) * 1024 > 50_000_000
    config = TopicSink(CLUSTER, "items").producer_config(None)
    assert (config["batch.size"], config["message.max.bytes"]) == (1_000_000, 1_000_000)


def test_properties_come_before_the_defaults_but_not_before_what_delivery_needs() -> None:
    sink = with_properties(
        compression_type="zstd", linger_ms="100", max_request_size="5000000", acks="-1"
    )
    config = sink.producer_config(20_000)
    assert config["compression.type"] == "zstd"
    assert config["linger.ms"] == "100"
    assert config["message.max.bytes"] == "5000000"
    assert config["acks"] == "all"
    assert config["enable.idempotence"] is True


def test_the_client_library_takes_every_compression_and_limit() -> None:
    for compression in ("lz4", "zstd", "snappy", "gzip", "none"):
        for limit in (None, 1, 1000, 100_000_000):
            TopicProducer(TopicSink(CLUSTER, "items", compression=compression), limit).close()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("acks", "1", "'acks' is '1'; expected 'all'"),
        ("acks", "0", "'acks' is '0'; expected 'all'"),
        ("enable_idempotence", "false", "a retry repeats messages and changes their order"),
    ],
)
def test_a_property_that_would_lose_messages_is_refused(name: str, value: str, told: str) -> None:
    with pytest.raises(KafkaConfigError, match=told):
        with_properties(**{name: value})


def test_what_the_client_library_does_not_take_is_told_of_by_its_name() -> None:
    with pytest.raises(KafkaConfigError, match=r"max\.in\.flight.*correct them"):
        TopicProducer(with_properties(max_in_flight_requests_per_connection="9"), None)


def test_options_of_a_sink_are_checked() -> None:
    with pytest.raises(KafkaConfigError, match="the topic to write to is ''"):
        TopicSink(CLUSTER, "")
    with pytest.raises(KafkaConfigError, match="'lz5'; did you mean 'lz4'"):
        TopicSink(CLUSTER, "items", compression="lz5")
    with pytest.raises(KafkaConfigError, match="no attribute is called 'event'"):
        TopicSink(CLUSTER, "items", headers=("event",))
    with pytest.raises(KafkaConfigError, match="delivery_seconds is 0"):
        TopicSink(CLUSTER, "items", delivery_seconds=0)


def test_a_sink_is_pickled_and_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2")
    cluster = KafkaCluster(
        "127.0.0.1:9",
        {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
        "alice",
        "env://PASSWORD",
    )
    sink = TopicSink(cluster, "items")
    assert pickle.loads(pickle.dumps(sink)) == sink  # noqa: S301  (made here)
    assert b"hunter2" not in pickle.dumps(sink)
    assert "hunter2" not in f"{sink!r} {sink}"
    assert sink.producer_config(None)["sasl.password"] == "hunter2"
