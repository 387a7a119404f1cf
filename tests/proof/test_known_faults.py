"""Faults that the proof has found and that are not mended yet: each test fails as long as its fault
is there, and says so when it is gone. docs/proof.md lists them.
"""

from __future__ import annotations

import pytest

from tests.proof.hand_made import OTHER, HandMade, at, at_lsn, created, row, updated
from tests.proof.runs import sorted_rows
from tests.proof.source_rows import Change

pytestmark = pytest.mark.xfail(strict=True, reason="a known fault: docs/proof.md")

_SERVER = "ffffffff-0000-4000-8000-000000000001"


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
