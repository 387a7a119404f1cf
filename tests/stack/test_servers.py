"""Each server of the stack answers as the real one does, by what tests get of it."""

from __future__ import annotations

import json

import confluent_kafka
import httpx
import pytest
from confluent_kafka import Consumer, Producer
from google.pubsub_v1.types import PubsubMessage

from tests.stack import servers
from tests.stack.databases import Database
from tests.stack.fixtures import MakeConnector
from tests.stack.topics import PubSubTopic, Topics, publisher


def test_kafka_keeps_what_is_produced(kafka: servers.Kafka, topic: Topics) -> None:
    name = topic(partitions=2)
    _produce(kafka, name, b"first", b"second")
    assert _consumed(kafka, name, 2) == [b"first", b"second"]


def test_kafka_goes_on_after_it_was_killed(kafka: servers.Kafka, topic: Topics) -> None:
    name = topic()
    _produce(kafka, name, b"before")
    before = kafka.pids()
    kafka.kill()
    kafka.start()
    assert kafka.pids() != before
    _produce(kafka, name, b"after")
    assert _consumed(kafka, name, 2) == [b"before", b"after"]


def test_the_registry_gives_back_a_schema_by_its_id(registry: servers.Registry) -> None:
    schema = json.dumps({"type": "record", "name": "Account", "fields": []})
    answer = httpx.post(
        f"{registry.url}/subjects/accounts-value/versions",
        json={"schema": schema},
        trust_env=False,
    )
    schema_id = answer.raise_for_status().json()["id"]
    found = httpx.get(f"{registry.url}/schemas/ids/{schema_id}", trust_env=False)
    assert json.loads(found.json()["schema"]) == json.loads(schema)


def test_pubsub_gives_what_was_published(pubsub: servers.PubSub, pubsub_topic: PubSubTopic) -> None:
    greeting = PubsubMessage(data=b"payload", attributes={"kind": "greeting"})
    with publisher(pubsub) as client:
        client.publish(topic=pubsub_topic.topic, messages=[greeting])
    (message,) = pubsub_topic.pull(1)
    assert (message.data, message.attributes["kind"]) == (b"payload", "greeting")


def test_debezium_captures_what_mysql_commits(
    kafka: servers.Kafka,
    registry: servers.Registry,
    mysql_database: Database,
    debezium_mysql: MakeConnector,
) -> None:
    _assert_captured(kafka, registry, mysql_database, debezium_mysql)


def test_debezium_captures_what_postgres_commits(
    kafka: servers.Kafka,
    registry: servers.Registry,
    postgres_database: Database,
    debezium_postgres: MakeConnector,
) -> None:
    _assert_captured(kafka, registry, postgres_database, debezium_postgres)


def _assert_captured(
    kafka: servers.Kafka, registry: servers.Registry, database: Database, connect_to: MakeConnector
) -> None:
    database.execute(
        "CREATE TABLE accounts (id INT PRIMARY KEY, name VARCHAR(40))",
        "INSERT INTO accounts VALUES (1, '100%: before')",
    )
    connector = connect_to(database, "accounts")
    database.insert("INSERT INTO accounts VALUES (%s, %s)", [(2, "during")])

    records = _consumed(kafka, connector.topic("accounts"), 2)

    assert [b"100%: before" in records[0], b"during" in records[1]] == [True, True]
    # Confluent's wire format: a zero byte and the schema's id, that the registry knows.
    assert records[0][:1] == b"\0"
    schema_id = int.from_bytes(records[0][1:5], "big")
    httpx.get(f"{registry.url}/schemas/ids/{schema_id}", trust_env=False).raise_for_status()


def test_a_connector_goes_on_after_its_worker_was_killed(
    kafka: servers.Kafka,
    connect: servers.Connect,
    postgres_database: Database,
    debezium_postgres: MakeConnector,
) -> None:
    postgres_database.execute("CREATE TABLE accounts (id INT PRIMARY KEY, name VARCHAR(40))")
    connector = debezium_postgres(postgres_database)
    connect.kill()
    postgres_database.execute("INSERT INTO accounts VALUES (1, 'meanwhile')")
    connect.start()
    (record,) = _consumed(kafka, connector.topic("accounts"), 1)
    assert b"meanwhile" in record


@pytest.mark.parametrize("kind", ["mysql", "postgres"])
def test_a_database_comes_back_with_its_rows(kind: str, request: pytest.FixtureRequest) -> None:
    server: servers.DatabaseServer = request.getfixturevalue(kind)
    database: Database = request.getfixturevalue(f"{kind}_database")
    database.execute("CREATE TABLE accounts (id INT)", "INSERT INTO accounts VALUES (7)")
    with server.stopped(), pytest.raises(Exception, match=r"refused|connect"):
        database.query("SELECT id FROM accounts")
    assert database.query("SELECT id FROM accounts") == [(7,)]


def _produce(kafka: servers.Kafka, topic: str, *payloads: bytes) -> None:
    producer = Producer({"bootstrap.servers": kafka.brokers})
    for payload in payloads:
        producer.produce(topic, payload, partition=0)
    assert producer.flush(30) == 0


def _consumed(kafka: servers.Kafka, topic: str, count: int) -> list[bytes]:
    config = {"bootstrap.servers": kafka.brokers, "group.id": topic, "enable.auto.commit": False}
    consumer = Consumer({**config, "topic.metadata.refresh.interval.ms": 500})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)])
    messages = consumer.consume(count, timeout=60)
    consumer.close()
    return [message.value() or b"" for message in messages]
