"""Anchors of snapshots against the order keys of events around them."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.anchor import AnchorError, anchor_position, read_anchor
from transforms.incarnation import Incarnation, Incarnations
from transforms.order_key import LOWEST, order_keys

A = "aaaaaaaa-0000-0000-0000-000000000001"
B = "bbbbbbbb-0000-0000-0000-000000000002"
C = "cccccccc-0000-0000-0000-000000000003"
NUMBERS = st.integers(1, 2**62)


def event_key(connector: str, known: tuple[Incarnation, ...] = (), **fields: object) -> str:
    source = {"connector": connector, "name": "shop", "pos": 4, "row": 0, **fields}
    keys = order_keys(pl.Series([source]), pl.Series(["u"]), Incarnations(known))
    assert keys.errors.to_list() == [None]
    return str(keys.order_key[0])


def test_a_gtid_set_ends_with_the_last_transaction_of_its_server() -> None:
    position = anchor_position({"gtid_executed": f"{A}:1-5:7-9"}, "shop")
    assert position.order_key == f"0001/{9:016x}/{'f' * 16}/{'f' * 8}"
    assert position.new == (Incarnation("shop", 1, A),)


@given(number=NUMBERS, distance=st.integers(1, 1000), pos=st.integers(0, 2**63 - 1))
def test_events_beside_a_gtid_anchor_sort_on_their_side(
    number: int, distance: int, pos: int
) -> None:
    position = anchor_position({"gtid_executed": f"{A.upper()}:1-{number}"}, "shop")
    known = position.new
    assert event_key("mysql", known, gtid=f"{A}:{number}", pos=pos) < position.order_key
    assert event_key("mysql", known, gtid=f"{A}:{number + distance}", pos=0) > position.order_key


@given(file=st.integers(1, 10**7), pos=st.integers(4, 2**62), distance=st.integers(1, 1000))
def test_events_beside_a_file_anchor_sort_on_their_side(file: int, pos: int, distance: int) -> None:
    anchor = {"file": f"binlog.{file:06d}", "pos": pos}
    key = anchor_position(anchor, "shop").order_key
    assert event_key("mysql", file=anchor["file"], pos=pos) > key
    assert event_key("mysql", file=f"binlog.{file + distance:06d}", pos=4) > key
    assert event_key("mysql", file=anchor["file"], pos=max(pos - distance, 0)) < key
    assert event_key("mysql", file=f"binlog.{file - 1:06d}", pos=2**62) < key


@given(lsn=st.integers(1, 2**62), distance=st.integers(1, 1000))
def test_events_beside_an_lsn_anchor_sort_on_their_side(lsn: int, distance: int) -> None:
    anchor = {"lsn": f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}", "xmax": 9, "in_progress": [7]}
    position = anchor_position(anchor, "shop")
    assert position == anchor_position({**anchor, "lsn": lsn}, "shop")
    assert (position.xmax, position.in_progress) == (9, (7,))
    assert event_key("postgresql", lsn=lsn) > position.order_key
    assert event_key("postgresql", lsn=lsn + distance) > position.order_key
    assert event_key("postgresql", lsn=max(lsn - distance, 0)) < position.order_key


@given(number=NUMBERS, distance=st.integers(1, 1000))
def test_events_beside_a_mariadb_anchor_sort_on_their_side(number: int, distance: int) -> None:
    position = anchor_position({"gtid_binlog_pos": f"0-1-{number}"}, "shop")
    assert position == anchor_position({"gtid_current_pos": f"0-7-{number}"}, "shop")
    assert event_key("mariadb", position.new, gtid=f"0-1-{number}") < position.order_key
    assert event_key("mariadb", position.new, gtid=f"0-1-{number + distance}") > position.order_key


def test_the_own_server_of_the_anchor_is_its_newest() -> None:
    known = (Incarnation("shop", 1, A), Incarnation("shop", 2, B))
    both = {"gtid_executed": f"{A}:1-9,\n{B}:1-3"}
    assert anchor_position(both, "shop", known).order_key.startswith(f"0002/{3:016x}")
    own = anchor_position({**both, "server_uuid": A.upper()}, "shop", known)
    assert own.order_key.startswith(f"0001/{9:016x}")
    assert own.new == ()


def test_a_server_that_was_never_seen_beside_one_that_was_does_not_count_and_warns() -> None:
    """It may have written before the log began, or last: too early an anchor loses nothing."""
    known = (Incarnation("shop", 1, A),)
    position = anchor_position({"gtid_executed": f"{A}:1-9,{B}:1-3"}, "shop", known)
    assert position.order_key.startswith(f"0001/{9:016x}")
    assert position.new == ()
    (warning,) = position.warnings
    assert f"has {B}, which the log of source 'shop' has not shown" in warning
    assert f"taken at {A}:9" in warning
    assert "give server_uuid" in warning


def test_a_domain_that_was_never_seen_beside_one_that_was_does_not_count_and_warns() -> None:
    known = (Incarnation("shop", 1, "3"), Incarnation("shop", 2, "1"))
    position = anchor_position({"gtid_binlog_pos": "0-1-7,1-2-9,3-1-90"}, "shop", known)
    assert position.order_key.startswith(f"0002/{9:016x}")
    (warning,) = position.warnings
    assert warning.endswith("which is right once the log is read")


def test_a_server_that_the_anchor_names_as_the_last_is_newer_than_those_that_were_seen() -> None:
    known = (Incarnation("shop", 1, A),)
    anchor = {"gtid_executed": f"{A}:1-9,{B}:1-3", "server_uuid": B}
    position = anchor_position(anchor, "shop", known)
    assert position.order_key.startswith(f"0002/{3:016x}")
    assert position.new == (Incarnation("shop", 2, B),)
    assert position.warnings == ()


def test_servers_from_before_the_log_do_not_matter_to_a_last_one_that_was_seen() -> None:
    known = (Incarnation("shop", 1, C),)
    anchor = {"gtid_executed": f"{A}:1-9,{B}:1-3,{C}:1-5", "server_uuid": C}
    position = anchor_position(anchor, "shop", known)
    assert position.order_key.startswith(f"0001/{5:016x}")
    assert (position.new, position.warnings) == ((), ())


def test_two_unknown_servers_before_an_unknown_last_one_are_refused() -> None:
    anchor = {"gtid_executed": f"{A}:1-9,{B}:1-3,{C}:1-5", "server_uuid": C}
    with pytest.raises(AnchorError, match=r"2 servers.*which wrote first: run .*change_log first$"):
        anchor_position(anchor, "shop")


@pytest.mark.parametrize("more", [{}, {"server_uuid": A}])
def test_an_anchor_that_lacks_the_servers_of_the_log_is_refused(more: dict[str, str]) -> None:
    """It may be from before the log began: counted after it, all of the log would be lost."""
    known = (Incarnation("shop", 1, B),)
    with pytest.raises(AnchorError, match=rf"lacks {B}.*has not shown {A}.*has shown"):
        anchor_position({"gtid_executed": f"{A}:1-9", **more}, "shop", known)


def test_servers_before_an_unknown_one_are_counted_before_it() -> None:
    anchor = {"gtid_executed": f"{B}:1-3,{A}:1-9", "server_uuid": B}
    position = anchor_position(anchor, "shop")
    assert [one.identity for one in position.new] == [A, B]
    assert position.order_key.startswith("0002/")


def test_a_replica_that_never_wrote_counts_as_the_server_it_follows() -> None:
    anchor = {"gtid_executed": f"{A}:1-9", "server_uuid": C}
    assert anchor_position(anchor, "shop").new == (Incarnation("shop", 1, A),)


def test_several_unknown_servers_are_refused_with_the_next_step() -> None:
    with pytest.raises(AnchorError, match=r"2 servers.*change_log first, or add \"server_uuid\""):
        anchor_position({"gtid_executed": f"{A}:1-9,{B}:1-3"}, "shop")
    with pytest.raises(AnchorError, match=r"2 servers.*change_log first$"):
        anchor_position({"gtid_binlog_pos": "0-1-9,1-1-3"}, "shop")


def test_incarnations_of_other_sources_do_not_count() -> None:
    known = (Incarnation("bank", 1, B), Incarnation("bank", 2, A))
    assert anchor_position({"gtid_executed": f"{A}:1-9"}, "shop", known).order_key[:4] == "0001"


def test_a_life_of_the_log_that_was_counted_by_hand_leads_positions() -> None:
    known = (Incarnation("shop", 1, ""),)
    assert anchor_position({"lsn": 5, "xmax": 1}, "shop", known).order_key.startswith("0001/")
    by_file = anchor_position({"file": "b.000002", "pos": 4}, "shop", known)
    assert by_file.order_key == f"0001/{2:016x}/{4:016x}/{0:08x}"


def test_a_file_anchor_of_a_source_with_gtids_warns() -> None:
    known = (Incarnation("shop", 1, A),)
    (warning,) = anchor_position({"file": "b.000002", "pos": 4}, "shop", known).warnings
    assert "give gtid_executed" in warning


def test_an_lsn_without_the_transactions_that_were_open_warns() -> None:
    (warning,) = anchor_position({"lsn": 5}, "shop").warnings
    assert "pg_current_snapshot()" in warning


def test_a_server_without_transactions_is_older_than_every_event() -> None:
    assert anchor_position({"gtid_executed": "", "server_uuid": A}, "shop").order_key == LOWEST


@pytest.mark.parametrize(
    ("anchor", "said"),
    [
        ({}, "names no position"),
        ({"gtid": f"{A}:1"}, "has 'gtid', which no anchor has"),
        ({"gtid_executed": 5}, "gtid_executed is 5; expected a text"),
        ({"gtid_executed": "x:1"}, "has 'x:1'"),
        ({"gtid_executed": f"{A}:0"}, f"has '{A}:0'"),
        ({"gtid_executed": f"{A}"}, f"has '{A}'"),
        ({"gtid_executed": f"{A}:1", "server_uuid": "me"}, "server_uuid is 'me'"),
        ({"gtid_executed": f"{A}:1", "server_uuid": 1}, "server_uuid is 1"),
        ({"gtid_executed": f"{A}:1:x:1-2", "server_uuid": A}, "under several tags"),
        ({"gtid_binlog_pos": "0-1"}, "has '0-1'"),
        ({"file": "binlog.000001"}, "pos is None"),
        ({"file": "binlog", "pos": 4}, "file is 'binlog'"),
        ({"file": "binlog.000001", "pos": -4}, "pos is -4"),
        ({"file": "binlog.000001", "pos": True}, "pos is True"),
        ({"pos": 4}, "file is None"),
        ({"lsn": "16-B3"}, "lsn is '16-B3'"),
        ({"lsn": 1, "in_progress": [3]}, r"in_progress \[3\] and no xmax"),
        ({"lsn": 1, "xmax": 9, "in_progress": "3"}, "in_progress is '3'"),
        ({"lsn": 1, "xmax": 9, "in_progress": ["x"]}, "in_progress is 'x'"),
        ({"lsn": 1, "xmax": 2**63}, "xmax is 9223372036854775808"),
    ],
)
def test_an_anchor_that_says_no_position_is_refused(anchor: dict[str, object], said: str) -> None:
    with pytest.raises(AnchorError, match=said):
        anchor_position(anchor, "shop")


@pytest.mark.parametrize("text", ["", "[1]", "{", "5"])
def test_a_file_that_is_no_anchor_is_refused_by_name(text: str) -> None:
    with pytest.raises(AnchorError, match=r"^anchor\.json "):
        read_anchor(text, "anchor.json")


def test_an_anchor_is_read() -> None:
    assert read_anchor('{"lsn": 5}', "anchor.json") == {"lsn": 5}
