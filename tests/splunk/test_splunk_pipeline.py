"""`python -m pipelines.splunk` from the emulator of Pub/Sub to the stand-in of Splunk."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from google.pubsub_v1.types import PubsubMessage

from pipelines import dead_letters, splunk
from tests.pipelines.recorded import json_lines
from tests.splunk.process import TOKEN, TOKEN_VARIABLE, Hec
from tests.stack.servers import PubSub
from tests.stack.topics import PubSubTopic, publisher


@pytest.fixture(autouse=True)
def emulator(pubsub: PubSub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.address)


def sent(hec: Hec, topic: PubSubTopic, folder: Path, *flags: str) -> int:
    return splunk.main(
        [
            f"--subscription={topic.subscription}",
            f"--splunk_url={hec.url}",
            f"--splunk_token=env://{TOKEN_VARIABLE}",
            f"--output_dir={folder / 'out'}",
            *flags,
        ]
    )


def publish(pubsub: PubSub, topic: PubSubTopic, messages: list[PubsubMessage]) -> None:
    with publisher(pubsub) as client:
        client.publish(topic=topic.topic, messages=messages)


def test_payloads_are_events_as_they_are_and_others_dead_letters(
    hec: Hec,
    pubsub: PubSub,
    pubsub_topic: PubSubTopic,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    payloads = [b'{"n": %d, "d": 1.50}' % number for number in range(700)]
    messages = [
        PubsubMessage(data=payload, attributes={"event_id": f"e{number}"})
        for number, payload in enumerate(payloads)
    ]
    publish(pubsub, pubsub_topic, [*messages, PubsubMessage(data=b"no json")])
    flags = ("--splunk_index=main", "--splunk_max_in_flight=2", "--splunk_batch_events=100")
    assert sent(hec, pubsub_topic, tmp_path, *flags) == 0

    events = {event["fields"]["event_id"]: event for event in hec.events()}
    assert set(events) == {f"e{number}" for number in range(700)}
    assert {event["event"]["n"] for event in events.values()} == set(range(700))
    assert {event["index"] for event in events.values()} == {"main"}
    assert {event["fields"]["topic"] for event in events.values()} == {pubsub_topic.subscription}
    (letter,) = json_lines(tmp_path / "out" / "dead_letters.jsonl")
    assert base64.b64decode(letter["payload"]) == b"no json"
    assert (letter["stage"], letter["error_class"]) == ("publish", "NotJson")
    assert pubsub_topic.drain() == []
    said = "".join(capsys.readouterr())
    assert TOKEN not in said
    assert "1.50" not in said


def test_an_envelope_says_where_its_event_goes(
    hec: Hec, pubsub: PubSub, pubsub_topic: PubSubTopic, tmp_path: Path
) -> None:
    envelope = b'{"time": 1700000000.25, "source": "s", "index": "main", "event": {"n": [1.50]}}'
    publish(
        pubsub, pubsub_topic, [PubsubMessage(data=envelope), PubsubMessage(data=b'{"bare": 1}')]
    )
    assert sent(hec, pubsub_topic, tmp_path, "--payload=envelope") == 0

    by_source = {event.get("source"): event for event in hec.events()}
    assert set(by_source) == {"s", None}
    found = by_source["s"]
    assert (found["time"], found["index"], found["event"]) == (1700000000.25, "main", {"n": [1.5]})
    assert by_source[None]["event"] == {"bare": 1}


def test_what_splunk_has_not_taken_comes_again(
    hec: Hec,
    pubsub: PubSub,
    pubsub_topic: PubSubTopic,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(pubsub, pubsub_topic, [PubsubMessage(data=b"%d" % number) for number in range(50)])
    monkeypatch.setenv(TOKEN_VARIABLE, "00000000-0000-0000-0000-000000000000")
    assert sent(hec, pubsub_topic, tmp_path) == 1
    assert hec.events() == []

    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert sent(hec, pubsub_topic, tmp_path) == 0
    assert sorted(event["event"] for event in hec.events()) == list(range(50))


def test_an_event_that_was_refused_is_replayed_with_the_id_that_it_had(
    hec: Hec, pubsub: PubSub, pubsub_topic: PubSubTopic, tmp_path: Path
) -> None:
    payloads = [
        b'{"index": "%s", "event": {"n": %d}}' % (index, n)
        for n, index in enumerate([b"main", b"later", b"main"])
    ]
    publish(pubsub, pubsub_topic, [PubsubMessage(data=payload) for payload in payloads])
    assert sent(hec, pubsub_topic, tmp_path, "--payload=envelope") == 0
    path = tmp_path / "out" / "dead_letters.jsonl"
    (letter,) = json_lines(path)
    assert letter["error_class"] == "RefusedBySplunk"
    assert base64.b64decode(letter["payload"]) == payloads[1]

    hec.set_up(indexes=["main", "later"])
    command = ["replay", str(path), f"--pubsub_topic={pubsub_topic.topic}"]
    assert dead_letters.run(command) == 0
    assert dead_letters.run(command) == 0, "the ledger knows it"
    assert sent(hec, pubsub_topic, tmp_path, "--payload=envelope") == 0
    events = {event["event"]["n"]: event["fields"]["event_id"] for event in hec.events()}
    assert set(events) == {0, 1, 2}
    assert events[1] == f"{pubsub_topic.subscription}:{letter['offset']}"
    numbers = [event["event"]["n"] for event in hec.events()]
    assert numbers.count(1) == 1
