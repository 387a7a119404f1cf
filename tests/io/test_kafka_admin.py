"""Clients that ask a cluster: one for a question, or one for all questions of a block."""

from __future__ import annotations

import contextlib
import threading
import types
from concurrent.futures import Future
from typing import Any

import confluent_kafka
import pytest

from pipeline_io import kafka_admin
from pipeline_io.kafka_admin import KafkaAdmin, admin_of, kept_admins
from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaAccessError, KafkaError, KafkaUnavailable

CLUSTER = KafkaCluster("127.0.0.1:1", {"client.id": "one"})
SAME = KafkaCluster("127.0.0.1:1", {"client.id": "one"})
OTHER = KafkaCluster("127.0.0.1:1", {"client.id": "other"})
TIMED_OUT = confluent_kafka.KafkaError._TIMED_OUT  # noqa: SLF001
REFUSED = confluent_kafka.KafkaError._AUTHENTICATION  # noqa: SLF001


class Client(contextlib.AbstractContextManager["Client"]):
    """The client library's: answers unless it is away, and tells errors when it is polled."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.is_away = False
        self.polls = 0
        self.is_closed = False
        self.errors: list[int] = []

    def __exit__(self, *_: object) -> None:
        self.is_closed = True

    def list_topics(self, timeout: float) -> Any:
        if self.is_away:
            raise confluent_kafka.KafkaException(confluent_kafka.KafkaError(TIMED_OUT))

        return types.SimpleNamespace(topics={})

    def poll(self, timeout: float) -> None:
        self.polls += 1
        while self.errors:
            self.config["error_cb"](confluent_kafka.KafkaError(self.errors.pop()))


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    """The clients that were made."""
    clients: list[Client] = []

    def make(config: dict[str, Any]) -> Client:
        clients.append(Client(config))
        return clients[-1]

    monkeypatch.setattr(kafka_admin, "AdminClient", make)
    monkeypatch.setattr(kafka_admin, "START_SECONDS", 0.05)
    monkeypatch.setattr(kafka_admin, "_PAUSE_SECONDS", 0.001)
    return clients


def topics_of(cluster: KafkaCluster) -> dict[str, Any]:
    with admin_of(cluster) as admin:
        return admin.topics()


def test_a_question_has_a_client_of_its_own(made: list[Client]) -> None:
    for _ in range(3):
        topics_of(CLUSTER)
    assert [client.is_closed for client in made] == [True] * 3


def test_questions_of_a_block_share_a_client_for_each_cluster(made: list[Client]) -> None:
    with kept_admins():
        for cluster in (CLUSTER, OTHER, CLUSTER, OTHER, SAME):
            topics_of(cluster)
        assert not any(client.is_closed for client in made)
    assert [client.config["client.id"] for client in made] == ["one", "other"]
    assert all(client.is_closed for client in made)
    topics_of(CLUSTER)
    assert len(made) == 3


def test_a_client_that_is_kept_is_polled_before_it_is_asked_again(made: list[Client]) -> None:
    # A token that ends is renewed by that alone.
    with kept_admins():
        for _ in range(3):
            topics_of(CLUSTER)
    assert made[0].polls == 2


def test_a_client_that_is_forgotten_is_made_anew(made: list[Client]) -> None:
    with kept_admins() as admins:
        topics_of(CLUSTER)
        admins.forget()
        assert made[0].is_closed
        topics_of(CLUSTER)
    assert len(made) == 2


def test_another_thread_does_not_share_the_client_of_a_block(made: list[Client]) -> None:
    with kept_admins():
        topics_of(CLUSTER)
        thread = threading.Thread(target=topics_of, args=(CLUSTER,))
        thread.start()
        thread.join()
    assert len(made) == 2


def test_a_refusal_is_told(made: list[Client]) -> None:
    admin = KafkaAdmin(CLUSTER)
    made[0].is_away = True
    made[0].errors.append(REFUSED)
    with pytest.raises(KafkaAccessError, match="check the user, the password"):
        admin.topics()


def test_a_client_whose_connection_failed_is_not_asked_again(made: list[Client]) -> None:
    with kept_admins():
        topics_of(CLUSTER)
        made[0].errors.append(REFUSED)
        for _ in range(3):
            topics_of(CLUSTER)
        assert [client.is_closed for client in made] == [True, False]
        made[1].is_away = True
        # What the one before was refused is no cause of this one's silence.
        with pytest.raises(KafkaUnavailable, match="no answer"):
            topics_of(CLUSTER)
    assert len(made) == 2


def answered(code: int | None) -> Future[int]:
    future: Future[int] = Future()
    if code is None:
        future.set_result(7)
    else:
        future.set_exception(confluent_kafka.KafkaException(confluent_kafka.KafkaError(code)))
    return future


@pytest.mark.parametrize("code", sorted(kafka_admin.BUSY_CODES))
def test_a_cluster_that_is_busy_or_has_no_leaders_yet_is_asked_again(code: int) -> None:
    answers = iter([code, code, None])
    admin = KafkaAdmin(CLUSTER, seconds=30)
    assert admin.ask("the offsets of", lambda: {"a": answered(next(answers))}) == {"a": 7}
    assert next(answers, "none left") == "none left"


def test_what_does_not_pass_by_itself_is_told_at_once() -> None:
    answers = iter([REFUSED, None])
    with pytest.raises(KafkaError, match="the offsets of a"):
        KafkaAdmin(CLUSTER, seconds=30).ask(
            "the offsets of", lambda: {"a": answered(next(answers))}
        )
    assert next(answers, "none left") is None
