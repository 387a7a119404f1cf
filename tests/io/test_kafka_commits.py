"""Offsets are committed beside the bundles that confirm them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import TopicPartition

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaError
from pipeline_io.kafka_groups import OffsetCommits
from pipeline_io.kafka_positions import PartitionRange, Positions

WAIT_SECONDS = 30.0


def at(offset: int, topic_id: str = "") -> Positions:
    return (PartitionRange("items", 0, offset, topic_id=topic_id),)


class Coordinator:
    """A consumer whose commits are answered when they may be."""

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.committed: list[int] = []
        self.metadata: list[str | None] = []
        self.has_answered, self.has_committed = threading.Event(), threading.Event()
        self.error: Exception | None = None
        self.is_closed = False

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        assert not asynchronous
        assert not self.is_closed
        self.asked.set()
        assert self.may_answer.wait(WAIT_SECONDS)
        if self.error is not None:
            raise self.error
        self.committed += [each.offset for each in offsets]
        self.metadata += [each.metadata for each in offsets]
        self.has_answered.set()
        self.has_committed.set()
        return offsets

    def poll(self, _seconds: float) -> None:
        self.has_answered.set()

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def coordinator(monkeypatch: pytest.MonkeyPatch) -> Coordinator:
    made = Coordinator()
    monkeypatch.setattr(confluent_kafka, "Consumer", lambda _config: made)
    return made


@pytest.fixture(params=[3_600.0])
def commits(coordinator: Coordinator, request: pytest.FixtureRequest) -> Iterator[OffsetCommits]:
    """Commits once, unless a test says how often."""
    made = OffsetCommits(KafkaCluster("127.0.0.1:9"), "readers", request.param)
    yield made
    coordinator.may_answer.set()
    made.close()
    assert coordinator.is_closed


@pytest.mark.parametrize("commits", [0.0], indirect=True)
def test_a_bundle_does_not_wait_for_a_coordinator_that_is_away(
    coordinator: Coordinator, commits: OffsetCommits
) -> None:
    commits.confirm(at(5))
    assert coordinator.asked.wait(WAIT_SECONDS)
    # The answer is still out.
    commits.confirm(at(9, topic_id="Zm9v"))
    commits.confirm(at(7))
    assert coordinator.committed == []
    coordinator.may_answer.set()
    commits.commit_all()
    assert coordinator.committed == [5, 9]
    # The topic's id stands beside the offset, where the cluster has told one.
    assert coordinator.metadata == [None, "topic-id=Zm9v"]


def test_commits_are_not_more_often_than_they_may_be(
    coordinator: Coordinator, commits: OffsetCommits
) -> None:
    coordinator.may_answer.set()
    commits.confirm(at(1))
    assert coordinator.has_answered.wait(WAIT_SECONDS)
    coordinator.asked.clear()
    for offset in range(2, 50):
        commits.confirm(at(offset))
    commits.close()
    assert coordinator.committed == [1]
    assert not coordinator.asked.is_set()


@pytest.mark.parametrize("commits", [0.01], indirect=True)
def test_what_is_confirmed_a_moment_after_a_commit_needs_no_further_bundle(
    coordinator: Coordinator, commits: OffsetCommits
) -> None:
    coordinator.may_answer.set()
    commits.confirm(at(1))
    assert coordinator.has_committed.wait(WAIT_SECONDS)
    coordinator.has_committed.clear()
    commits.confirm(at(2))
    assert coordinator.has_committed.wait(WAIT_SECONDS)
    assert coordinator.committed == [1, 2]


@pytest.mark.parametrize("commits", [0.01], indirect=True)
def test_what_was_refused_is_committed_without_a_further_bundle(
    coordinator: Coordinator, commits: OffsetCommits
) -> None:
    away = confluent_kafka.KafkaError(confluent_kafka.KafkaError.COORDINATOR_NOT_AVAILABLE)
    coordinator.error = confluent_kafka.KafkaException(away)
    coordinator.may_answer.set()
    commits.confirm(at(5))
    assert coordinator.has_answered.wait(WAIT_SECONDS)
    assert coordinator.committed == []
    coordinator.error = None
    assert coordinator.has_committed.wait(WAIT_SECONDS)
    assert coordinator.committed == [5]


def test_what_no_broker_has_said_stops_the_next_bundle(
    coordinator: Coordinator, commits: OffsetCommits
) -> None:
    coordinator.error = ValueError("no offset")
    coordinator.may_answer.set()
    commits.confirm(at(5))
    thread: Any = commits._commits._thread  # noqa: SLF001
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()
    with pytest.raises(ValueError, match="no offset"):
        commits.check(300)


def test_a_refused_commit_is_tried_again_and_stops_a_job_in_the_end(
    coordinator: Coordinator, commits: OffsetCommits, caplog: pytest.LogCaptureFixture
) -> None:
    refused = confluent_kafka.KafkaError(confluent_kafka.KafkaError.GROUP_AUTHORIZATION_FAILED)
    coordinator.error = confluent_kafka.KafkaException(refused)
    coordinator.may_answer.set()
    commits.confirm(at(5))
    assert coordinator.has_answered.wait(WAIT_SECONDS)
    commits.close()
    assert "offsets of the group 'readers' are not committed" in caplog.text
    commits.check(300)
    with pytest.raises(KafkaError, match=r"could not be committed for -1 s.*may the user READ it"):
        commits.check(-1)
    coordinator.error, coordinator.is_closed = None, False
    commits.commit_all()
    assert coordinator.committed == [5]
