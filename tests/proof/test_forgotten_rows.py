"""Deleted rows that compactions forget: what comes late of them, and what comes first then."""

from __future__ import annotations

import pytest

from tests.proof.hand_made import OTHER, HandMade, at, at_lsn, created, deleted, row, updated
from tests.proof.mutations import Mutation, replaced
from tests.proof.runs import sorted_rows
from tests.proof.source_rows import Key

_THIRD = Key(3, "c")


_REPEATS_COME_IN = Mutation(
    "repeats of forgotten rows come in",
    view_sql=replaced("newest.log_order_key > purged.order_key", "purged.order_key IS NOT NULL"),
)
_FORGOTTEN_EARLY = Mutation("deleted rows forgotten before older changes came", forgets_early=True)


def _comes_again() -> HandMade:
    made = HandMade("mysql_file", [row("other, later", OTHER)])
    made.sent(created("deleted"), at(0, 1, 100)).sent(deleted(), at(1, 1, 200))
    made.sent(created("other", OTHER), at(2, 1, 300)).compacted()
    made.sent(updated("other, later", OTHER), at(3, 1, 400)).compacted(forgets=True)
    return made.again(0)


def _was_open_all_the_time() -> HandMade:
    made = HandMade("postgresql", [row("other, later", OTHER), row("was open", _THIRD)])
    made.sent(created("deleted"), at_lsn(0, 100, 7)).sent(deleted(), at_lsn(1, 300, 8))
    made.sent(created("other", OTHER), at_lsn(2, 400, 9)).compacted()
    made.sent(updated("other, later", OTHER), at_lsn(3, 500, 10)).compacted(forgets=True)
    return made.sent(created("was open", _THIRD), at_lsn(4, 200, 6))


def _comes_again_after_another_snapshot(*, compacts: bool) -> HandMade:
    made = HandMade("mysql_file", [row("other, later", OTHER)])
    made.sent(created("deleted"), at(0, 1, 100)).sent(deleted(), at(1, 1, 200))
    made.sent(created("other", OTHER), at(2, 1, 300)).compacted()
    made.snapshot({"file": "binlog.000001", "pos": 350}, row("other", OTHER)).again(0)
    if compacts:
        made.compacted()
    made.sent(updated("other, later", OTHER), at(3, 1, 400))
    return made.compacted() if compacts else made


def _was_open_at_another_snapshot(*, compacts: bool) -> HandMade:
    """A change below the anchor that the snapshot does not see is no repeat."""
    made = HandMade("postgresql", [row("other", OTHER), row("was open", _THIRD)])
    made.sent(created("deleted"), at_lsn(0, 50, 6)).sent(deleted(), at_lsn(1, 60, 6))
    made.sent(created("other", OTHER), at_lsn(2, 300, 9)).compacted()
    anchor = {"lsn": 350, "xmax": 10, "in_progress": [8]}
    made.snapshot(anchor, row("other", OTHER)).again(0)
    made.sent(created("was open", _THIRD), at_lsn(4, 200, 8))
    return made.compacted() if compacts else made


_SNAPSHOTS_FORGET = Mutation(
    "repeats of rows that a snapshot lacks come in",
    view_sql=replaced("snapshots.state = 'done'", "snapshots.state = 'none'"),
)
_NO_FLOOR = Mutation(
    "changes that a snapshot does not see are repeats",
    view_sql=replaced(
        "LEAST(COALESCE(floors.order_key, snapshots.order_key)", "LEAST(snapshots.order_key"
    ),
)


@pytest.mark.parametrize(
    ("made", "broken"),
    [
        (_comes_again(), _REPEATS_COME_IN),
        (_was_open_all_the_time(), _FORGOTTEN_EARLY),
        (_comes_again_after_another_snapshot(compacts=False), _SNAPSHOTS_FORGET),
        (_was_open_at_another_snapshot(compacts=False), _NO_FLOOR),
        (_was_open_at_another_snapshot(compacts=False), _SNAPSHOTS_FORGET),
    ],
    ids=[
        "a repeat of a forgotten row",
        "a change that was open all the time",
        "a repeat after another snapshot",
        "a change that was open at another snapshot",
        "a repeat while a change was open",
    ],
)
def test_the_view_is_the_table_though_deleted_rows_are_forgotten(
    made: HandMade, broken: Mutation
) -> None:
    assert made.seen() == sorted_rows(made.final)
    assert made.seen(broken) != sorted_rows(made.final)


@pytest.mark.parametrize(
    "made",
    [
        _comes_again_after_another_snapshot(compacts=True),
        _was_open_at_another_snapshot(compacts=True),
    ],
    ids=["a repeat after another snapshot", "a change that was open at another snapshot"],
)
def test_a_compaction_does_not_bring_repeats_in_either(made: HandMade) -> None:
    assert made.seen() == sorted_rows(made.final)
