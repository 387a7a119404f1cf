"""Faults that the proof once found, each as the case that showed it."""

from __future__ import annotations

import pytest

from tests.proof.hand_made import HandMade, at, at_lsn, created, row
from tests.proof.history import Anchored, Loaded, NewLife
from tests.proof.runs import sorted_rows
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
