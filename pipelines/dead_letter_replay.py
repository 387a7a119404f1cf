"""The records of dead letters, sent again to where they came from."""

from __future__ import annotations

import base64
import datetime
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PubsubMessage

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_write_check import check_topic
from pipeline_io.kafka_write_config import TopicSink
from pipeline_io.kafka_write_producer import TopicProducer
from pipeline_io.pubsub_channel import open_channel
from pipeline_io.pubsub_check import check as check_pubsub
from pipeline_io.pubsub_config import PubsubConfig
from pipeline_io.pubsub_records import MESSAGE_ID
from pipelines.dead_letter_read import Letter, LetterError
from transforms.replay_headers import MESSAGE_ID as FIRST_MESSAGE_ID
from transforms.replay_headers import Header, replay_headers
from transforms.sql.run import utc_now

BATCH = 500
"""Records that are sent, confirmed and noted at a time."""

_CONFIRM_SECONDS = 60.0
_SUBSCRIPTION = "/subscriptions/"


class Record(NamedTuple):
    """A record as it was, with what a replay adds to its headers."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[Header]


class Destination(Protocol):
    """Where records are sent to."""

    def takes(self, record: Record) -> str | None:
        """Why a record cannot be sent there; None if it can."""

    def send(self, records: list[Record]) -> list[str | None]:
        """Sends records and waits until they are confirmed; of each why it was refused, or None."""

    def close(self) -> None: ...


def record_of(letter: Letter) -> Record:
    """The record of a letter, byte for byte."""
    headers: list[Header] = [(name, _bytes(value)) for name, value in letter["headers"]]
    sent = replay_headers(headers, int(letter["attempts"]), str(letter["first_failed_at"]))
    return Record(letter["topic"], _bytes(letter["key"]), _bytes(letter["payload"]), sent)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


class KafkaDestination:
    """Topics of Kafka: the record's own, or one for all."""

    def __init__(self, cluster: KafkaCluster, topic: str | None = None) -> None:
        self.cluster = cluster
        self.topic = topic
        self._producers: dict[str, TopicProducer] = {}

    def takes(self, record: Record) -> str | None:
        if self.topic is None and _SUBSCRIPTION in record.topic:
            return f"{record.topic} is no topic of Kafka; send it with --pubsub_topic"
        return None

    def send(self, records: list[Record]) -> list[str | None]:
        results: list[str | None] = [None] * len(records)
        by_topic: dict[str, list[int]] = {}
        for number, record in enumerate(records):
            by_topic.setdefault(self.topic or record.topic, []).append(number)
        for topic, numbers in by_topic.items():
            producer = self._producer(topic)
            messages = ((records[n].value, records[n].key, records[n].headers) for n in numbers)
            producer.send(messages, 0, len(numbers))  # type: ignore[arg-type]
            for failed in producer.confirm():
                results[numbers[failed.number]] = str(failed.error.str())
        return results

    def close(self) -> None:
        for producer in self._producers.values():
            producer.close()

    def _producer(self, topic: str) -> TopicProducer:
        if topic not in self._producers:
            sink = TopicSink(self.cluster, topic, headers=())
            limit = check_topic(sink).max_message_bytes
            # One message a request: what a broker refuses is that message alone.
            self._producers[topic] = TopicProducer(
                sink, limit, one_by_one=True, with_own_headers=True
            )
        return self._producers[topic]


class PubsubDestination:
    """A topic of Pub/Sub."""

    def __init__(self, config: PubsubConfig) -> None:
        self.config = config
        check_pubsub(config)
        self._channel = open_channel(config)
        self._client = PublisherClient(transport=PublisherGrpcTransport(channel=self._channel))

    def takes(self, record: Record) -> str | None:
        if _SUBSCRIPTION not in record.topic:
            return f"{record.topic} is a topic of Kafka; send it with --kafka_brokers"
        return None

    def send(self, records: list[Record]) -> list[str | None]:
        results: list[str | None] = []
        for record in records:
            try:
                self._client.publish(
                    topic=self.config.path, messages=[message_of(record)], timeout=_CONFIRM_SECONDS
                )
            except (GoogleAPICallError, RetryError) as error:
                results.append(str(error))
            else:
                results.append(None)
        return results

    def close(self) -> None:
        self._channel.close()


def message_of(record: Record) -> PubsubMessage:
    """The message of a record that was one of Pub/Sub."""
    attributes = {name: (value or b"").decode() for name, value in record.headers}
    # Names that begin with goog are Pub/Sub's; the id is kept as the one that the message had, and
    # is what sinks take for the event's where the message has none.
    message_id = attributes.pop(MESSAGE_ID, None)
    if message_id is not None:
        first = attributes.setdefault(FIRST_MESSAGE_ID, message_id)
        attributes.setdefault("event_id", f"{record.topic}:{first}")
    return PubsubMessage(
        data=record.value or b"", attributes=attributes, ordering_key=(record.key or b"").decode()
    )


class Ledger:
    """A file that says which records were sent: a replay that is run again sends the others."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sent: set[str] = set()
        try:
            if path.exists():
                for line in path.read_text(encoding="utf-8").splitlines():
                    self._note(line)
        except OSError as error:
            message = f"--ledger={path}: {error}; choose a file that can be read and written"
            raise LetterError(message) from error

    def _note(self, line: str) -> None:
        try:
            self.sent.add(json.loads(line)["record"])
        except (ValueError, TypeError, KeyError):
            # Cut by a kill while it was written: its records are sent again, with their ids.
            return

    def add(self, ids: Iterable[str], now: datetime.datetime) -> None:
        """Notes records, safe on the disk when it returns."""
        new = list(ids)
        lines = "".join(
            json.dumps({"record": one, "sent_at": now.isoformat(timespec="milliseconds")}) + "\n"
            for one in new
        )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            message = (
                f"--ledger={self.path}: {error}; {len(new)} records were sent and are not noted: a "
                "replay sends them again, with the same event ids"
            )
            raise LetterError(message) from error
        self.sent.update(new)


class Replayed(NamedTuple):
    """letters: that fit the filter. records: sent now (or that would be). repeated: letters of a
    record of which another letter was sent. noted: letters of records that the ledger has.
    refused: why, by record."""

    letters: int
    records: int
    repeated: int
    noted: int
    refused: list[str]


def replay(
    letters: Iterable[Letter],
    destination: Destination | None,
    ledger: Ledger,
    wait: Callable[[], None],
    *,
    again: bool = False,
    batch: int = BATCH,
) -> Replayed:
    """Sends the record of each letter once.

    destination: None sends and notes nothing. wait: called before each record, for a limit a
    second. again: also what the ledger has.

    Raises LetterError, KafkaError, PubsubError; what was sent until then is noted.
    """
    counts = dict.fromkeys(("letters", "records", "repeated", "noted"), 0)
    refused: list[str] = []
    seen: set[str] = set()
    waiting: list[Letter] = []

    def send() -> None:
        if not waiting or destination is None:
            waiting.clear()
            return
        results = destination.send([record_of(letter) for letter in waiting])
        sent = [one for one, why in zip(waiting, results, strict=True) if why is None]
        ledger.add([letter.record_id for letter in sent], utc_now())
        for letter in sent:
            if letter.done is not None:
                letter.done()
        for letter, why in zip(waiting, results, strict=True):
            if why is not None:
                counts["records"] -= 1
                place = f"{letter['topic']} {letter['partition']}:{letter['offset']}"
                refused.append(f"{place}: {why}")
        waiting.clear()

    for letter in letters:
        counts["letters"] += 1
        known = letter.record_id
        if known in seen:
            counts["repeated"] += 1
            if letter.done is not None and destination is not None:
                letter.done()
            continue
        seen.add(known)
        if known in ledger.sent and not again:
            counts["noted"] += 1
            if letter.done is not None and destination is not None:
                letter.done()
            continue
        if destination is not None and (why := destination.takes(record_of(letter))):
            raise LetterError(why)
        wait()
        counts["records"] += 1
        waiting.append(letter)
        if len(waiting) >= batch:
            send()
    send()
    return Replayed(**counts, refused=refused)


def first(letters: Iterable[Letter], most: int | None) -> Iterator[Letter]:
    """At most so many letters; all where it is None."""
    for number, letter in enumerate(letters):
        if most is not None and number >= most:
            return
        yield letter
