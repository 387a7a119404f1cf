"""Faults that the proof found, each as the case that showed it; one is not mended."""

from __future__ import annotations

import pytest

from tests.proof.hand_made import (
    KEY,
    OTHER,
    HandMade,
    at,
    at_lsn,
    created,
    deleted,
    moved,
    row,
    updated,
)
from tests.proof.history import Anchored, Loaded, NewLife
from tests.proof.runs import sorted_rows
from tests.proof.source_rows import LONG, Change, Key
from transforms.anchor import AnchorError, anchor_position
from transforms.incarnation import Incarnation

_SERVER = "ffffffff-0000-4000-8000-000000000001"
_OLDER = "00000000-0000-4000-8000-000000000002"
_OLDEST = "11111111-0000-4000-8000-000000000003"


def test_a_row_that_is_read_again_after_its_compaction_does_not_stop_the_next_one() -> None:
    made = HandMade("mysql_file", [row("first")])
    made.sent(created("first"), at(0, 1, 100)).compacted().read_again(0).compacted()
    assert made.seen() == sorted_rows(made.final)


def test_a_mariadb_domain_from_before_the_log_is_not_the_newest_of_an_anchor() -> None:
    known = [Incarnation("shop", 1, "10")]
    position = anchor_position({"gtid_binlog_pos": "0-1-10,10-1-9"}, "shop", known)
    assert position.order_key.startswith("0001/0000000000000009/")


def test_a_mysql_server_from_before_the_log_is_not_the_newest_of_an_anchor() -> None:
    known = [Incarnation("shop", 1, _SERVER)]
    executed = f"{_OLDER}:1-900,{_SERVER}:1-9"
    position = anchor_position({"gtid_executed": executed}, "shop", known)
    assert position.order_key.startswith("0001/0000000000000009/")


def test_servers_of_an_anchor_are_not_put_in_the_order_of_their_names() -> None:
    executed = f"{_OLDER}:1-9,{_OLDEST}:1-900,{_SERVER}:1-3"
    with pytest.raises(AnchorError):
        anchor_position({"gtid_executed": executed, "server_uuid": _SERVER}, "shop")


@pytest.mark.parametrize("running", [{"xmax": 300}, {"xmax": 900, "in_progress": [500]}])
def test_transactions_of_a_life_before_a_restore_do_not_make_a_snapshot_older(
    running: dict[str, object],
) -> None:
    """A restored database counts on from an older number, so that the log's may look unseen."""
    made = HandMade("postgresql", [row("restored")])
    made.sent(created("from before the restore"), at_lsn(0, 900, 500))
    made.then(NewLife(1)).then(Anchored(2, 0, {"lsn": 100, **running}, {}))
    made.then(Loaded(3, {row("").key: row("restored")}, True))
    assert made.seen() == sorted_rows(made.final)


@pytest.mark.parametrize("running", [{"xmax": 300}, {"xmax": 900, "in_progress": [500]}])
def test_a_compaction_after_a_restore_keeps_what_the_snapshot_has(
    running: dict[str, object],
) -> None:
    """Transactions of the life before count as open at the anchor, when they are compacted."""
    made = HandMade("postgresql", [row("restored")])
    made.sent(created("from before the restore"), at_lsn(0, 900, 500))
    made.then(NewLife(1)).then(Anchored(2, 0, {"lsn": 100, **running}, {}))
    made.then(Loaded(3, {row("").key: row("restored")}, True)).compacted()
    assert made.seen() == sorted_rows(made.final)


def test_a_row_read_in_mid_stream_does_not_hide_a_change_that_was_open_then() -> None:
    """PostgreSQL: the open transaction wrote before the newest position that was sent."""
    made = HandMade("postgresql", [row("was open"), row("other", OTHER)])
    made.sent(created("first"), at_lsn(0, 50, 6))
    made.sent(created("other", OTHER), at_lsn(1, 200, 8))
    read = Change("r", row("first").key, None, row("first"))
    made.sent(read, {"ts_ms": 1_767_225_602_000}, "incremental")
    made.sent(updated("was open"), at_lsn(3, 100, 7))
    assert made.seen() == sorted_rows(made.final)


def test_a_row_read_anew_is_newer_than_the_last_change_before_it() -> None:
    """The connector lost its place, missed an update, and made a snapshot: rows without a GTID."""
    made = HandMade("mysql_gtid", [row("read anew")])
    made.sent(created("last that was sent"), at(0, 1, 100, gtid=f"{_SERVER}:5"))
    made.sent(Change("r", row("").key, None, row("read anew")), at(9, 1, 900), "true")
    assert made.seen() == sorted_rows(made.final)


def test_a_compaction_below_the_anchor_fills_nothing_from_newer_rows() -> None:
    """PostgreSQL: rows of the snapshot took the places of changes that were compacted."""
    moved_row, new_row = row(f"{LONG}moved", OTHER), row("newer")
    made = HandMade("postgresql", [moved_row, new_row])
    made.sent(created(f"{LONG}moved"), at_lsn(0, 10, 1))
    made.sent(created("short-lived", OTHER), at_lsn(0, 12, 2))
    made.sent(deleted(OTHER), at_lsn(0, 14, 3))
    made.then(Anchored(3.1, 0, {"lsn": 50, "xmax": 9, "in_progress": []}, {}))
    made.then(Loaded(3.2, {KEY: new_row, OTHER: moved_row}, True)).compacted()
    for change in moved(f"{LONG}moved", KEY, OTHER, missing=("note",)):
        made.sent(change, at_lsn(1, 30, 4))
    made.sent(created("newer"), at_lsn(1, 40, 5))
    assert made.seen() == sorted_rows(made.final)


def test_a_moved_row_is_not_filled_from_the_one_that_took_its_key_before_the_snapshot() -> None:
    """PostgreSQL: the snapshot's row of the old key is newer than the move, of which it knows."""
    moved_row, new_row = row(f"{LONG}moved", OTHER), row("newer")
    made = HandMade("postgresql", [moved_row, new_row])
    made.sent(created(f"{LONG}moved"), at_lsn(0, 10, 1))
    made.then(Anchored(1.1, 0, {"lsn": 20, "xmax": 9, "in_progress": []}, {}))
    made.then(Loaded(1.2, {KEY: new_row, OTHER: moved_row}, True))
    for change in moved(f"{LONG}moved", KEY, OTHER, missing=("note",)):
        made.sent(change, at_lsn(1, 30, 4))
    made.sent(created("newer"), at_lsn(1, 40, 5))
    assert made.seen() == sorted_rows(made.final)


def test_a_compaction_between_an_anchor_and_what_its_snapshot_saw_keeps_them_apart() -> None:
    """PostgreSQL: the cut lies above the anchor, below the move that the snapshot knows of."""
    moved_row, new_row = row(f"{LONG}moved", OTHER), row("newer")
    made = HandMade("postgresql", [moved_row, new_row])
    made.sent(created(f"{LONG}moved"), at_lsn(0, 10, 1))
    made.then(Anchored(1.1, 0, {"lsn": 20, "xmax": 9, "in_progress": []}, {}))
    made.then(Loaded(1.2, {KEY: new_row, OTHER: moved_row}, True))
    made.sent(created("another", Key(3, "c")), at_lsn(1, 25, 3))
    made.sent(deleted(Key(3, "c")), at_lsn(1, 26, 3)).compacted()
    for change in moved(f"{LONG}moved", KEY, OTHER, missing=("note",)):
        made.sent(change, at_lsn(1, 30, 4))
    made.sent(created("newer"), at_lsn(1, 40, 5))
    assert made.seen() == sorted_rows(made.final)
    made.compacted()
    assert made.seen() == sorted_rows(made.final)


@pytest.mark.parametrize("running", [{"xmax": 9, "in_progress": [4]}, {"xmax": 4}])
def test_a_moved_row_is_filled_from_a_snapshot_that_did_not_see_its_move(
    running: dict[str, object],
) -> None:
    """PostgreSQL: the row of the old key is the moved one, whose value no change has told."""
    moved_row = row(f"{LONG}moved", OTHER)
    made = HandMade("postgresql", [moved_row])
    made.then(Anchored(0.1, 0, {"lsn": 20, "in_progress": [], **running}, {}))
    made.then(Loaded(0.2, {KEY: row(f"{LONG}moved")}, True))
    for change in moved(f"{LONG}moved", KEY, OTHER, missing=("note",)):
        made.sent(change, at_lsn(1, 30, 4))
    assert made.seen() == sorted_rows(made.final)
    made.compacted()
    assert made.seen() == sorted_rows(made.final)


def test_a_transaction_of_long_after_a_snapshot_was_not_seen_by_it() -> None:
    """PostgreSQL: after half of all transaction ids, a new one looks like one of before `xmax`."""
    moved_row = row(f"{LONG}moved", OTHER)
    made = HandMade("postgresql", [moved_row])
    made.then(Anchored(0.1, 0, {"lsn": 20, "xmax": 9, "in_progress": []}, {}))
    made.then(Loaded(0.2, {KEY: row(f"{LONG}moved")}, True))
    for change in moved(f"{LONG}moved", KEY, OTHER, missing=("note",)):
        made.sent(change, at_lsn(100 * 86_400, 30, 2**31 + 20))
    assert made.seen() == sorted_rows(made.final)
    made.compacted()
    assert made.seen() == sorted_rows(made.final)


def test_a_row_read_in_mid_stream_is_older_than_changes_that_come_after_its_compaction() -> None:
    """PostgreSQL: of the row, the snapshot has the place of its last change, not of the stream."""
    made = HandMade("postgresql", [row("was open"), row("other", OTHER)])
    made.sent(created("first"), at_lsn(0, 50, 6))
    made.sent(created("other", OTHER), at_lsn(1, 200, 8))
    read = Change("r", row("first").key, None, row("first"))
    made.sent(read, {"ts_ms": 1_767_225_602_000}, "incremental").compacted()
    made.sent(updated("was open"), at_lsn(3, 100, 7)).compacted()
    assert made.seen() == sorted_rows(made.final)


def test_a_row_read_anew_stays_newer_than_its_last_change_after_a_compaction() -> None:
    made = HandMade("mysql_gtid", [row("read anew")])
    made.sent(created("last that was sent"), at(0, 1, 100, gtid=f"{_SERVER}:5"))
    made.sent(Change("r", row("").key, None, row("read anew")), at(9, 1, 900), "true")
    made.compacted().again(0).compacted()
    assert made.seen() == sorted_rows(made.final)
