"""Messages that are held: each once, by its newest ack id."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.pubsub_held import HOLD_SECONDS, HeldMessages


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_message_that_is_delivered_again_counts_once_and_by_its_new_ack_id() -> None:
    held = HeldMessages()
    assert held.add(["1", "2"], ["a", "b"], [10, 20]) == [0, 1]
    assert held.add(["2", "3"], ["c", "d"], [20, 30]) == [1]
    assert (len(held), held.bytes) == (3, 60)
    assert held.ack_ids(["1", "2", "3", "4"]) == ["a", "c", "d"]


def test_a_message_twice_in_a_response_is_held_once() -> None:
    held = HeldMessages()
    assert held.add(["1", "1"], ["a", "b"], [10, 10]) == [0]
    assert (held.ack_ids(), held.bytes) == (["b"], 10)


def test_a_message_that_was_given_back_counts_as_new() -> None:
    held = HeldMessages()
    held.add(["1"], ["a"], [10])
    held.remove(["1", "unknown"])
    assert (len(held), held.bytes) == (0, 0)
    assert held.add(["1"], ["b"], [10]) == [0]


def test_what_is_held_for_an_hour_is_forgotten_so_that_it_comes_again() -> None:
    clock = Clock()
    held = HeldMessages(clock)
    held.add(["1", "2"], ["a", "b"], [1, 1])
    clock.now = HOLD_SECONDS / 2
    held.add(["3"], ["c"], [1])
    held.remove(["2"])
    clock.now = HOLD_SECONDS + 1
    assert held.forget_old() == 1
    assert held.ack_ids() == ["c"]


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 9), max_size=5)), max_size=30))
def test_bytes_and_number_are_those_of_what_was_added_and_not_removed(
    steps: list[tuple[bool, list[int]]],
) -> None:
    held = HeldMessages()
    expected: set[int] = set()
    for adds, numbers in steps:
        ids = [str(number) for number in numbers]
        if adds:
            new = held.add(ids, [f"ack{each}" for each in ids], numbers)
            assert {numbers[place] for place in new} == set(numbers) - expected
            assert len(new) == len(set(numbers) - expected)
            expected |= set(numbers)
        else:
            held.remove(ids)
            expected -= set(numbers)
        held.forget_arrivals()
        assert len(held) == len(expected)
        assert held.bytes == sum(expected)
