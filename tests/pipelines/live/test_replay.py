"""A record that failed is sent again: its event lands once, whatever is repeated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import dead_letters, sql_job
from tests.pipelines.live.item_job import ItemTopic, item_flags
from tests.pipelines.recorded import event, item
from tests.stack.servers import Kafka, PubSub, Registry
from tests.stack.topics import Topics, fresh_pubsub_topic

SCRIPT = """
CREATE TABLE items (id BIGINT, name STRING, event_id STRING METADATA VIRTUAL) WITH (
  'connector' = 'kafka',
  'topic' = '{topic}',
  'properties.bootstrap.servers' = '${{KAFKA_BROKERS}}',
  'properties.group.id' = '${{KAFKA_GROUP}}',
  'value.format' = 'debezium-avro-confluent',
  'schema-registry.url' = '${{SCHEMA_REGISTRY}}'
);
CREATE TABLE published (id BIGINT, event_id STRING, number BIGINT) WITH (
  'connector' = 'pubsub',
  'project-name' = '${{PUBSUB_PROJECT}}',
  'topic' = '${{PUBSUB_TOPIC}}',
  'format' = 'json'
);
CREATE TABLE others (id BIGINT, event_id STRING) WITH (
  'connector' = 'filesystem', 'path' = '${{OUTPUT_DIR}}/others.jsonl', 'format' = 'json'
);
INSERT INTO published SELECT id, event_id, {cast}(name AS BIGINT) FROM items;
INSERT INTO others SELECT id, event_id FROM items;
"""


def test_a_replayed_record_lands_once(
    kafka: Kafka,
    registry: Registry,
    topic: Topics,
    pubsub: PubSub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.address)
    with fresh_pubsub_topic(pubsub) as events, fresh_pubsub_topic(pubsub) as letters:
        name = topic(name="items")
        items = ItemTopic(kafka, registry, name)
        items.send(
            items.value(event("c", item(1, name="10"))),
            items.value(event("c", item(2, name="twenty"))),
            items.value(event("c", item(3, name="30"))),
            keyed=True,
        )

        def run(cast: str, group: str = name) -> dict[int, dict[str, Any]]:
            """What the job publishes, by id."""
            script = tmp_path / "items.sql"
            script.write_text(SCRIPT.format(topic=name, cast=cast), encoding="utf-8")
            flags = item_flags(tmp_path, script, kafka.brokers, registry.url, events, group)
            place = f"--dead_letters=pubsub:projects/{letters.project}/topics/{letters.name}"
            assert sql_job.main([*flags, place]) == 0
            found = [json.loads(message.data) for message in events.drain()]
            ids = {row["event_id"] for row in found}
            assert len(ids) == len({row["id"] for row in found}), "one row, two ids"
            return {row["id"]: row for row in found}

        def replay() -> dict[str, Any]:
            capsys.readouterr()
            kept = f"pubsub:projects/{letters.project}/subscriptions/{letters.name}"
            assert dead_letters.run(["inspect", kept, "--output=json"]) == 0
            (group,) = map(json.loads, capsys.readouterr().out.splitlines())
            assert (group["stage"], group["error_class"]) == ("project", "ValueRefused")
            command = ["replay", kept, f"--kafka_brokers={kafka.brokers}", "--output=json"]
            assert dead_letters.run([*command, f"--ledger={tmp_path / 'ledger'}"]) == 0
            done: dict[str, Any] = json.loads(capsys.readouterr().out)
            return done

        assert set(run("CAST")) == {1, 3}
        assert replay()["records"] == 1
        # It fails once more, and says so.
        assert run("CAST") == {}
        done = replay()
        assert (done["records"], done["noted"]) == (1, 0)
        # Nothing is left behind by a replay.
        assert letters.drain() == []
        mended = run("TRY_CAST")
        assert {one: row["number"] for one, row in mended.items()} == {2: None}
        # All that the topic has, read from its beginning: three times the same record.
        everything = run("TRY_CAST", group=f"{name}-new")
        assert set(everything) == {1, 2, 3}
        assert everything[2] == mended[2]


def test_a_letter_of_a_replayed_record_holds_the_record_alone(
    kafka: Kafka,
    registry: Registry,
    topic: Topics,
    pubsub: PubSub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.address)
    with fresh_pubsub_topic(pubsub) as events:
        name = topic(name="items")
        items = ItemTopic(kafka, registry, name)
        items.send(items.value(event("c", item(1, name="ten"))))
        script = tmp_path / "items.sql"
        script.write_text(SCRIPT.format(topic=name, cast="CAST"), encoding="utf-8")
        path = tmp_path / "letters.jsonl"
        flags = item_flags(tmp_path, script, kafka.brokers, registry.url, events, name)
        found = []
        for _ in range(3):
            assert sql_job.main([*flags, f"--dead_letters={path}"]) == 0
            found += [json.loads(line) for line in path.read_text().splitlines()]
            assert dead_letters.run(["replay", str(path), f"--kafka_brokers={kafka.brokers}"]) == 0
        assert [letter["attempts"] for letter in found] == [1, 2, 3]
        for field in ("payload", "key", "headers", "first_failed_at"):
            assert len({json.dumps(letter[field]) for letter in found}) == 1, field
