"""The naive view as the baseline: where it is wrong, and the generated view is right."""

from __future__ import annotations

import pytest

from tests.proof.hand_made import (
    KEY,
    OTHER,
    TRUNCATED,
    HandMade,
    at,
    at_lsn,
    created,
    deleted,
    moved,
    row,
    updated,
)
from tests.proof.runs import naive, sorted_rows, wrong
from tests.proof.source_log import FLAVOURS, Flavour
from tests.proof.source_rows import LONG

_OLD_SERVER = "ffffffff-0000-4000-8000-000000000001"
_NEW_SERVER = "00000000-0000-4000-8000-000000000002"


def _waited_on_a_lock() -> HandMade:
    made = HandMade("mysql_file", [row("written last, begun first")])
    made.sent(created("first"), at(0, 1, 100)).sent(updated("written first"), at(5, 1, 200))
    return made.sent(updated("written last, begun first"), at(2, 1, 300))


def _next_file_within_a_second() -> HandMade:
    made = HandMade("mysql_file", [row("in the next file")])
    return made.sent(created("in the old file"), at(0, 1, 9000)).sent(
        updated("in the next file"), at(0, 2, 120)
    )


def _file_number_grows_a_digit() -> HandMade:
    made = HandMade("mysql_file", [row("in file 1000000")])
    return made.sent(created("in file 999999"), at(0, 999_999, 500)).sent(
        updated("in file 1000000"), at(0, 1_000_000, 4)
    )


def _came_back_after_a_delete() -> HandMade:
    made = HandMade("mysql_file", [row("came back")])
    made.sent(created("first"), at(0, 1, 100)).sent(deleted(), at(1, 1, 900))
    return made.sent(created("came back"), at(1, 2, 120))


def _promoted_with_a_slow_clock() -> HandMade:
    made = HandMade("mysql_gtid", [row("on the new server")])
    made.sent(created("on the old server"), at(9, 7, 5000, gtid=f"{_OLD_SERVER}:41"))
    return made.sent(updated("on the new server"), at(8, 1, 300, gtid=f"{_NEW_SERVER}:1"))


def _truncated() -> HandMade:
    made = HandMade("mysql_file", [row("after", OTHER)])
    made.sent(created("before"), at(0, 1, 100)).sent(TRUNCATED, at(1, 1, 200))
    return made.sent(created("after", OTHER), at(2, 1, 300))


def _came_again_after_compaction() -> HandMade:
    made = HandMade("mysql_file", [row("newest")])
    made.sent(created("oldest"), at(0, 1, 100)).sent(updated("newest"), at(1, 1, 200))
    return made.compacted().again(0)


def _deleted_row_came_again_after_compaction() -> HandMade:
    made = HandMade("mysql_file", [])
    made.sent(created("deleted long ago"), at(0, 1, 100)).sent(deleted(), at(1, 1, 200))
    return made.compacted().again(0)


def _unchanged_toast() -> HandMade:
    made = HandMade("postgresql", [row(f"{LONG}kept")])
    made.sent(created(f"{LONG}kept"), at_lsn(0, 100, 7))
    return made.sent(updated(f"{LONG}kept", missing=("note",)), at_lsn(1, 200, 8))


def _unchanged_toast_under_a_new_key() -> HandMade:
    made = HandMade("postgresql", [row(f"{LONG}moved", OTHER)])
    made.sent(created(f"{LONG}moved"), at_lsn(0, 100, 7))
    for change in moved(f"{LONG}moved", KEY, OTHER, missing=("note",)):
        made.sent(change, at_lsn(1, 200, 8))
    return made


CASES = {
    "a statement that waited on a lock": _waited_on_a_lock,
    "the next binary log within a second": _next_file_within_a_second,
    "a file number with a digit more": _file_number_grows_a_digit,
    "a row that came back after its delete": _came_back_after_a_delete,
    "a promoted replica with a slow clock": _promoted_with_a_slow_clock,
    "a truncate": _truncated,
    "a late duplicate after compaction": _came_again_after_compaction,
    "a late duplicate of a deleted row": _deleted_row_came_again_after_compaction,
    "an unchanged TOAST value": _unchanged_toast,
    "an unchanged TOAST value under a new key": _unchanged_toast_under_a_new_key,
}


@pytest.mark.parametrize("name", CASES)
def test_the_naive_view_is_wrong_where_the_generated_view_is_right(name: str) -> None:
    made = CASES[name]()
    assert made.seen() == sorted_rows(made.final)
    assert made.seen(naive(made.flavour)) != sorted_rows(made.final)


@pytest.mark.parametrize("flavour", ["mysql_file", "mysql_gtid"])
def test_both_views_are_right_about_changes_in_the_order_of_their_times(flavour: Flavour) -> None:
    gtids = [{"gtid": f"{_OLD_SERVER}:{number}"} for number in range(1, 5)]
    more = gtids if flavour == "mysql_gtid" else [{}] * 4
    made = HandMade(flavour, [row("changed")])
    made.sent(created("first"), at(0, 1, 100, **more[0]))
    made.sent(updated("changed"), at(1, 1, 200, **more[1]))
    made.sent(created("deleted", OTHER), at(2, 1, 300, **more[2]))
    made.sent(deleted(OTHER), at(3, 1, 400, **more[3]))
    assert made.seen() == made.seen(naive(flavour)) == sorted_rows(made.final)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_random_histories_show_the_naive_view_wrong(flavour: Flavour) -> None:
    assert next(wrong(flavour, range(40), naive(flavour)), None) is not None
