"""The reader of subscriptions as runners use it: when it acknowledges, and where it splits."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from apache_beam.utils.timestamp import Timestamp

from pipeline_io import pubsub_reader
from pipeline_io.pubsub_puller import Pulled
from pipeline_io.pubsub_pullers import PullerKey, Pullers
from pipeline_io.pubsub_reader import PullForEver, Rounds, RoundsProvider, RoundsTracker
from pipeline_io.pubsub_reader_bounded import PullUntilEmpty
from pipeline_io.pubsub_records import message_batch
from pipeline_io.pubsub_subscription import SubscriptionConfig

CONFIG = SubscriptionConfig("shop-1", "items", endpoint="http://127.0.0.1:9")


def batch_of(ids: list[str]) -> pa.RecordBatch:
    times = [5_000 - 1_000 * number for number in range(len(ids))]
    return message_batch(
        CONFIG.path, ids, [b""] * len(ids), times, [""] * len(ids), [{}] * len(ids)
    )


class FakePuller:
    """Has some batches to be taken, and notes what becomes of them."""

    def __init__(self, *batches: list[str]) -> None:
        self.batches = list(batches)
        self.acknowledged: list[str] = []
        self.given_back: list[str] = []
        self.is_closed = False

    def take(self, most: int, wait_seconds: float) -> Pulled | None:
        if not self.batches:
            return None
        ids = self.batches.pop(0)
        return Pulled(ids, batch_of(ids))

    def acknowledge(self, ids: list[str]) -> None:
        self.acknowledged += ids

    def give_back(self, ids: list[str]) -> None:
        self.given_back += ids

    def close(self) -> None:
        self.is_closed = True


class Tracker(RoundsTracker):
    """As a runner's view of it, which can leave the rest for later."""

    deferred = False

    def defer_remainder(self) -> None:
        self.deferred = True


@pytest.fixture
def pullers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made: dict[str, Any] = {"puller": FakePuller(["1", "2"], ["3"])}
    monkeypatch.setattr(pubsub_reader, "PULLERS", Pullers(lambda key: made["puller"]))
    return made


def bundle(reader: PullForEver, tracker: Any = None) -> list[Any]:
    reader.start_bundle()
    return list(reader.process(0, tracker or Tracker(Rounds(0))))


def test_messages_are_acknowledged_when_the_next_bundle_begins(pullers: dict[str, Any]) -> None:
    reader, puller = PullForEver(CONFIG, 100), pullers["puller"]
    reader.setup()
    tracker = Tracker(Rounds(0))
    found = bundle(reader, tracker)

    assert [each.value.num_rows for each in found] == [2, 1]
    # A batch is as old as its oldest message.
    assert found[0].timestamp == Timestamp(seconds=4)
    assert tracker.deferred
    assert puller.acknowledged == []
    bundle(reader)
    assert puller.acknowledged == ["1", "2", "3"]
    bundle(reader)
    assert puller.acknowledged == ["1", "2", "3"]
    reader.teardown()
    assert puller.given_back == []
    assert puller.is_closed


def test_messages_of_a_bundle_that_failed_are_given_back(pullers: dict[str, Any]) -> None:
    reader, puller = PullForEver(CONFIG, 100), pullers["puller"]
    reader.setup()
    reader.start_bundle()
    batches: Any = reader.process(0, Tracker(Rounds(0)))
    next(batches)
    # A step behind it has failed: the runner throws these steps away.
    batches.close()
    reader.teardown()
    assert puller.given_back == ["1", "2"]
    assert puller.acknowledged == []


def test_a_reader_that_may_claim_no_more_gives_back_what_it_has_just_taken(
    pullers: dict[str, Any],
) -> None:
    reader, puller = PullForEver(CONFIG, 100), pullers["puller"]
    reader.setup()
    tracker = Tracker(Rounds(0))
    reader.start_bundle()
    batches = reader.process(0, tracker)
    next(batches)
    assert tracker.try_split(0) == (Rounds(1, ends=True), Rounds(1))
    assert list(batches) == []
    assert puller.given_back == ["3"]
    tracker.check_done()


def test_readers_of_one_process_share_a_puller_until_the_last_is_gone(
    pullers: dict[str, Any],
) -> None:
    reader = PullForEver(CONFIG, 100)
    other = PullForEver(CONFIG, 100)
    other.key = reader.key
    reader.setup()
    other.setup()
    reader.teardown()
    assert not pullers["puller"].is_closed
    other.teardown()
    assert pullers["puller"].is_closed


def test_a_reader_that_was_not_set_up_says_so() -> None:
    with pytest.raises(RuntimeError, match=r"before setup\(\)"):
        next(PullForEver(CONFIG, 100).process(0, Tracker(Rounds(0))))


def test_rounds_split_where_they_stand_and_nowhere_else() -> None:
    tracker = RoundsTracker(Rounds(3))
    assert not tracker.is_bounded()
    assert tracker.try_claim(4)
    assert tracker.try_split(0.5) is None
    with pytest.raises(ValueError, match="a subscription has no end"):
        tracker.check_done()
    assert tracker.try_split(0) == (Rounds(4, ends=True), Rounds(4))
    assert tracker.current_restriction() == Rounds(4, ends=True)
    assert not tracker.try_claim(5)
    assert tracker.try_split(0) is None
    tracker.check_done()


def test_a_drained_pipeline_reads_no_further() -> None:
    provider = RoundsProvider()
    assert provider.initial_restriction(0) == Rounds(0)
    assert provider.restriction_size(0, Rounds(0)) == 1
    assert provider.truncate(0, Rounds(0)) is None


def test_a_bounded_read_in_another_process_is_told() -> None:
    step = PullUntilEmpty(PullerKey(CONFIG, "elsewhere", limited=False), 100, 1.0, None)
    with pytest.raises(RuntimeError, match="another process than the job's"):
        next(step.process(0))
