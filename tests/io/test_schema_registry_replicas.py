"""The order in which replicas are asked."""

from pipeline_io.schema_registry_replicas import Replicas
from tests.io.registry_clock import Clock


def test_replicas_are_asked_in_their_order_until_one_fails() -> None:
    clock = Clock()
    replicas = Replicas(["a", "b", "c"], clock)
    assert replicas.in_order() == ["a", "b", "c"]

    replicas.failed("a")
    assert replicas.in_order() == ["b", "c", "a"]
    clock.now += 1
    replicas.failed("b")
    assert replicas.in_order() == ["c", "a", "b"]
    clock.now += 59
    assert replicas.in_order() == ["a", "c", "b"]
    clock.now += 1
    assert replicas.in_order() == ["a", "b", "c"]


def test_a_replica_that_answers_again_is_asked_in_its_turn() -> None:
    replicas = Replicas(["a", "b"], Clock())
    replicas.failed("a")

    replicas.works("a")

    assert replicas.in_order() == ["a", "b"]


def test_a_replica_that_asks_to_be_left_alone_is_left_alone() -> None:
    clock = Clock()
    replicas = Replicas(["a", "b"], clock)
    assert replicas.rest_seconds() == 0

    replicas.failed("a", 30)
    assert replicas.in_order() == ["b"]
    assert replicas.rest_seconds() == 0
    replicas.failed("b", 10)
    assert replicas.in_order() == []
    assert replicas.rest_seconds() == 10
    clock.now += 10
    assert replicas.in_order() == ["b"]
    clock.now += 20
    assert replicas.in_order() == ["a", "b"]


def test_nobody_is_left_alone_for_longer_than_ten_minutes() -> None:
    replicas = Replicas(["a"], Clock())

    replicas.failed("a", 1e9)

    assert replicas.rest_seconds() == 600
