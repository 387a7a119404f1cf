"""A record that cannot be delivered is a dead letter; those beside it are delivered."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pipelines import sql_job
from tests.pipelines.live.item_job import MOST_BYTES, ItemTopic, item_flags, item_script
from tests.pipelines.live.received import read_dead_letters
from tests.pipelines.recorded import event, item
from tests.stack.servers import Kafka, Registry
from tests.stack.topics import PubSubTopic, Topics

UNKNOWN_ID = 2**31 - 7
OVER_THE_LIMIT = "x" * 10_000_001


def test_each_record_that_cannot_be_delivered_is_a_dead_letter_of_its_own(
    kafka: Kafka,
    registry: Registry,
    topic: Topics,
    pubsub_topic: PubSubTopic,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_topic.address)
    name = topic(name="items", config={"max.message.bytes": str(MOST_BYTES)})
    items = ItemTopic(kafka, registry, name)
    good = items.value(event("c", item(1, name="first")))
    items.send(
        good,
        # Cut in the middle.
        good[:-4],
        b"\x00" + UNKNOWN_ID.to_bytes(4, "big") + good[5:],
        b'{"no": "avro"}',
        items.value(event("c", item(2, name=OVER_THE_LIMIT))),
        items.value(event("c", item(3, name="last"))),
    )
    script = item_script(tmp_path, name)
    started = time.monotonic()
    code = sql_job.main(
        item_flags(tmp_path, script, kafka.brokers, registry.url, pubsub_topic, group=name)
    )
    assert code == 0
    # A schema may be registered a moment after the first record that names it: it is asked again.
    assert time.monotonic() - started > 2
    messages = [json.loads(message.data) for message in pubsub_topic.drain()]
    assert sorted(message["name"] for message in messages) == ["first", "last"]
    letters = {letter["offset"]: letter for letter in read_dead_letters(tmp_path / "out")}
    assert {offset: letter["error_class"] for offset, letter in letters.items()} == {
        1: "CorruptRecord",
        2: "UnknownSchemaId",
        3: "NotConfluentAvro",
        4: "MessageTooLarge",
    }
    assert str(UNKNOWN_ID) in letters[2]["message"]
    assert letters[4]["stage"] == "publish"
    assert letters[4]["payload"].endswith(
        items.value(event("c", item(2, name=OVER_THE_LIMIT)))[-8:]
    )

    # What is a dead letter is committed as well: a restart does not meet it again.
    assert (
        sql_job.main(
            item_flags(tmp_path, script, kafka.brokers, registry.url, pubsub_topic, group=name)
        )
        == 0
    )
    assert pubsub_topic.drain() == []
