"""What has arrived at Pub/Sub, held against what was committed."""

from __future__ import annotations

import base64
import datetime
import json
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from google.pubsub_v1.types import PubsubMessage

from tests.pipelines.live.expected import Change, event_text
from tests.pipelines.live.job_process import PATIENCE_SECONDS, JobProcess
from tests.stack.topics import PubSubTopic

REDELIVERY_SECONDS = 15
"""A message that was sent to a subscriber and not acknowledged comes again after 10 s."""


class Received:
    """The events of a topic by their ids; the first of each counts, its repeats must be equal."""

    def __init__(self, topic: PubSubTopic) -> None:
        self._topic = topic
        self.messages = 0
        self.repeats: set[str] = set()
        self.events: dict[str, dict[str, Any]] = {}
        self.texts: dict[str, str] = {}
        self.published: dict[str, float] = {}

    def pull(self, seconds: float = 0.5) -> int:
        """Takes what comes within this time; how many messages."""
        messages = self._topic.pull(1000, seconds)
        for message in messages:
            self._add(message)
        return len(messages)

    def _add(self, message: PubsubMessage) -> None:
        event = json.loads(message.data, parse_float=Decimal, parse_int=Decimal)
        fields = event["fields"]
        event_id = fields["event_id"]
        assert message.attributes["event_id"] == event_id
        assert message.attributes["op"] == fields["op"]
        text = event_text(event["source"], fields["op"], event["event"])
        assert self.texts.setdefault(event_id, text) == text, "one id, two events"
        self.messages += 1
        if event_id in self.events:
            self.repeats.add(event_id)
        else:
            self.events[event_id] = event
            # It is a datetime, whatever the stubs say.
            published = cast("datetime.datetime", message.publish_time)
            self.published[event_id] = published.timestamp()

    def wait_for(
        self,
        changes: Callable[[], Sequence[Change]],
        job: JobProcess,
        seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Returns when every change has arrived; AssertionError if the job ends before."""

        def arrived() -> bool:
            self.pull()
            return len(self.events) >= sum(each.event is not None for each in changes())

        try:
            job.wait_until(arrived, seconds)
        except AssertionError:
            self.check(changes())
            raise

    def check(self, changes: Sequence[Change]) -> None:
        """Every change arrived with the right values, nothing else did, and the order keys have
        the order of the commits."""
        events = sum(each.event is not None for each in changes)
        deadline = time.monotonic() + REDELIVERY_SECONDS
        while self.pull(1) or (len(self.events) < events and time.monotonic() < deadline):
            pass
        expected = Counter(each.event for each in changes if each.event is not None)
        got = Counter(self.texts.values())
        missing, extra = expected - got, got - expected
        assert not missing and not extra, (
            f"{_told(missing)} were lost; {_told(extra)} were never committed"
        )
        self._check_order(changes)

    def drain(self) -> None:
        """Takes all that is there."""
        while self.pull(1):
            pass

    def _check_order(self, changes: Sequence[Change]) -> None:
        for source in {each.source for each in changes}:
            commits = [each.event for each in changes if each.source == source and each.event]
            positions: dict[str, deque[int]] = defaultdict(deque)
            for number, text in enumerate(commits):
                positions[text].append(number)
            keys = sorted(
                (event["fields"]["order_key"], self.texts[event_id])
                for event_id, event in self.events.items()
                if event["source"] == source
            )
            # Changes that look alike, such as truncations, count in their order. A new key's two
            # events may share an order key.
            numbers = sorted((key, positions[text].popleft()) for key, text in keys)
            assert [number for _, number in numbers] == list(range(len(commits))), source

    def latencies(self, changes: Sequence[Change]) -> list[float]:
        """Seconds from the commit to Pub/Sub, the shortest first."""
        committed = {each.event: each.committed_at for each in changes}
        return sorted(
            self.published[event_id] - committed[text]
            for event_id, text in self.texts.items()
            if text in committed
        )


def percentiles(seconds: Sequence[float]) -> str:
    """The median and the worst of a hundred, of sorted seconds."""
    middle, late = (seconds[int((len(seconds) - 1) * share)] for share in (0.5, 0.99))
    return f"p50 {middle:.2f} s, p99 {late:.2f} s, {len(seconds)} events"


def _told(texts: Counter[str]) -> str:
    """How many, and some of them."""
    return "\n".join([f"{sum(texts.values())}", *list(texts)[:3]])


def read_dead_letters(folder: Path) -> list[dict[str, Any]]:
    """The lines of a job's dead letters, payloads as bytes."""
    path = folder / "dead_letters.jsonl"
    if not path.exists():
        return []
    letters = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{**letter, "payload": base64.b64decode(letter["payload"] or "")} for letter in letters]


def check_dead_letters(folder: Path, changes: Sequence[Change]) -> None:
    """Every planted change is a dead letter, and nothing else is."""
    planted = Counter(each.mark for each in changes if each.event is None)
    letters = {
        (letter["topic"], letter["partition"], letter["offset"]): letter["payload"]
        for letter in read_dead_letters(folder)
    }
    found = Counter(
        next((mark for mark in planted if mark.encode() in payload), "not planted")
        for payload in letters.values()
    )
    assert found == planted


def wait_quietly(topic: Received, seconds: float) -> int:
    """How many messages come within this time, though none should."""
    deadline = time.monotonic() + seconds
    count = 0
    while (left := deadline - time.monotonic()) > 0:
        count += topic.pull(left)
    return count
