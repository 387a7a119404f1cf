"""Kafka's records of a connector, written as a recording: records.jsonl and schemas.json."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.stack.databases import fresh_name
from tests.stack.part import StackError

TIMEOUT_SECONDS = 120
_HEADER_BYTES = 5


def record_topics(
    brokers: str, registry: str, prefix: str, last: Mapping[str, bytes], folder: Path
) -> int:
    """Writes all records of a connector's topics, of one partition each; how many they are.

    Args:
        registry: the address of the schema registry.
        prefix: the topics' names begin with it.
        last: by topic the bytes that the value of its last change holds: it is waited for.
    """
    messages = _messages(brokers, prefix, last)
    messages.sort(key=lambda found: (str(found.topic()), found.offset()))
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(_line(message), ensure_ascii=False) for message in messages)
    (folder / "records.jsonl").write_text("".join(f"{line}\n" for line in lines))
    entries = ",\n".join(_schemas(registry, messages))
    (folder / "schemas.json").write_text(f"{{\n{entries}\n}}\n")
    return len(messages)


def _messages(brokers: str, prefix: str, last: Mapping[str, bytes]) -> list[Message]:
    """All records up to the ends that the topics have once each shows its last change."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    topics = _topics(brokers, prefix, last, deadline)
    settings = {"bootstrap.servers": brokers, "group.id": fresh_name("recorder")}
    consumer = Consumer({**settings, "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, 0, 0) for topic in topics])
        missing = set(last)
        messages: list[Message] = []
        while missing:
            _refuse_late(deadline, missing)
            found = _consumed(consumer)
            messages += found
            missing -= {
                name for name in missing if any(last[name] in _value(m, name) for m in found)
            }
        # Other topics may be behind.
        ends = {topic: _end(consumer, topic) for topic in topics}
        while len(messages) < sum(ends.values()):
            _refuse_late(deadline, topics)
            messages += _consumed(consumer)
        return messages
    finally:
        consumer.close()


def _topics(brokers: str, prefix: str, needed: Iterable[str], deadline: float) -> list[str]:
    """The connector's topics, once those that are needed are there."""
    with AdminClient({"bootstrap.servers": brokers}) as admin:
        there = admin.list_topics(timeout=30).topics
        while not set(needed) <= there.keys() and time.monotonic() < deadline:
            time.sleep(0.2)
            there = admin.list_topics(timeout=30).topics
    return [name for name in there if name == prefix or name.startswith(f"{prefix}.")]


def _refuse_late(deadline: float, topics: Iterable[str]) -> None:
    if time.monotonic() > deadline:
        message = f"the topics {sorted(topics)} do not show the end of the workload"
        raise StackError(message)


def _end(consumer: Consumer, topic: str) -> int:
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
    return int(end)


def _consumed(consumer: Consumer) -> list[Message]:
    messages: list[Message] = consumer.consume(1_000, timeout=1)
    for message in messages:
        error = message.error()
        if error is not None:
            text = f"a topic cannot be read: {error.str()}"
            raise StackError(text)
    return messages


def _value(message: Message, topic: str) -> bytes:
    return _bytes(message.value()) or b"" if message.topic() == topic else b""


def _line(message: Message) -> dict[str, Any]:
    kind, milliseconds = message.timestamp()
    headers: Any = message.headers() or []
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": milliseconds,
        "timestamp_type": kind,
        "headers": [[name, _base64(value)] for name, value in headers],
        "key": _base64(message.key()),
        "value": _base64(message.value()),
    }


def _bytes(raw: str | bytes | None) -> bytes | None:
    return raw.encode() if isinstance(raw, str) else raw


def _base64(raw: str | bytes | None) -> str | None:
    found = _bytes(raw)
    return None if found is None else base64.b64encode(found).decode()


def _schemas(registry: str, messages: Iterable[Message]) -> Iterator[str]:
    """A line of schemas.json for each schema that a payload names."""
    payloads = (_bytes(raw) for found in messages for raw in (found.key(), found.value()))
    ids = {int.from_bytes(raw[1:_HEADER_BYTES], "big") for raw in payloads if raw}
    with httpx.Client(base_url=registry, trust_env=False, timeout=30) as client:
        for number in sorted(ids):
            found = client.get(f"/schemas/ids/{number}").raise_for_status().json()
            versions = client.get(f"/schemas/ids/{number}/versions").raise_for_status().json()
            entry = {
                "schemaType": found.get("schemaType", "AVRO"),
                "schema": json.loads(found["schema"]),
                "references": found.get("references") or [],
                "subjects": versions,
            }
            yield f' "{number}": {json.dumps(entry, ensure_ascii=False)}'
