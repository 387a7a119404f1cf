"""Partitions of a change stream: which may be read, and which are kept."""

from __future__ import annotations

from pipeline_io.spanner_stream_partitions import Partition, Partitions, Piece, State
from pipeline_io.spanner_stream_records import Child


def tokens(partitions: Partitions, until_us: int = 100) -> list[str]:
    return [one.token for one in partitions.readable(until_us)]


def ended(token: str, *children: Child) -> Piece:
    return Piece(token, 50, True, children=children)


def test_the_partition_that_is_furthest_behind_is_read_first() -> None:
    found = Partitions([Partition("a", (), 0, 20), Partition("b", (), 0, 10)])
    assert tokens(found) == ["b", "a"]
    assert found.watermark_us == 10


def test_a_partition_is_read_up_to_an_end_and_no_further() -> None:
    found = Partitions([Partition("a", (), 0, 0)])
    found.apply(Piece("a", 100, False))
    assert tokens(found) == ["a"]
    found.apply(Piece("a", 100, True))
    assert tokens(found) == []
    assert tokens(found, 101) == ["a"]


def test_children_of_a_split_are_read_when_their_parent_ended() -> None:
    found = Partitions([Partition("a", (), 0, 0)])
    found.apply(ended("a", Child("b", 50, ("a",)), Child("c", 50, ("a",))))
    assert sorted(tokens(found)) == ["b", "c"]
    assert found.unfinished == 2


def test_a_child_that_begins_behind_the_end_is_not_read() -> None:
    found = Partitions([Partition("a", (), 0, 0)])
    found.apply(ended("a", Child("b", 50, ("a",))))
    assert tokens(found, 49) == []


def test_the_child_of_a_merge_waits_for_the_other_parent() -> None:
    found = Partitions([Partition("a", (), 0, 0), Partition("b", (), 0, 0)])
    child = Child("c", 50, ("a", "b"))
    found.apply(ended("a", child))
    assert tokens(found) == ["b"]
    assert found.orphans(100) == []
    found.apply(ended("b", child))
    assert tokens(found) == ["c"]


def test_a_parent_that_nobody_told_of_yet_is_waited_for() -> None:
    found = Partitions([Partition("a", (), 0, 0)])
    found.apply(ended("a", Child("c", 50, ("a", "unknown"))))
    assert tokens(found) == []
    assert [one.token for one in found.orphans(100)] == ["c"]
    assert found.orphans(49) == []


def test_a_finished_partition_is_kept_until_its_children_have_begun() -> None:
    found = Partitions([Partition("a", (), 0, 0)])
    found.apply(ended("a", Child("b", 50, ("a",))))
    assert (parent := found.get("a")) is not None
    assert parent.state is State.FINISHED
    found.apply(Piece("b", 60, True))
    assert found.get("a") is None
    assert {one.token for one in found} == {"b"}


def test_what_changed_is_told_once_with_what_is_gone() -> None:
    found = Partitions([Partition("a", (), 0, 0)])
    assert found.take_changes() == ([], [])
    found.apply(ended("a", Child("b", 50, ("a",))))
    stored, gone = found.take_changes()
    assert [one.token for one in stored] == ["a", "b"]
    assert gone == []
    found.apply(Piece("b", 60, True))
    stored, gone = found.take_changes()
    assert ([one.token for one in stored], gone) == (["b"], ["a"])
    assert found.take_changes() == ([], [])
