"""Up to where a table may be read, for any clock and any open transactions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.audit_bound import (
    OpenTransaction,
    begins_of_unknown,
    below,
    bound_of,
    held_by_unknown,
    overlap_bound,
)
from pipeline_io.audit_tables import Bound

TIMES = st.integers(0, 4_000_000_000_000_000)
NOW = 1_800_000_000_500_000


@given(TIMES, st.lists(TIMES))
def test_the_bound_is_before_the_second_of_the_clock_and_of_each_open_transaction(
    now: int, begins: list[int]
) -> None:
    bound = bound_of(now, [OpenTransaction(each, "t") for each in begins], "the clock")
    for each in (now, *begins):
        assert bound.us < each // 1_000_000 * 1_000_000
    # And not lower than it must be.
    assert bound.us == below(min([now, *begins]))


def test_what_holds_the_bound_back_is_told() -> None:
    bound = bound_of(NOW, [OpenTransaction(NOW - 9_000_000, "a transaction of x")], "the clock")
    assert bound.why == "a transaction of x is open since 2027-01-15T07:59:51Z"
    assert bound_of(NOW, [], "the clock").why == "the clock"


def test_a_transaction_of_unknown_begin_holds_what_was_right_before_it_was_seen() -> None:
    first = begins_of_unknown(["p"], {}, 5_000)
    second = begins_of_unknown(["p", "q"], first, 9_000)
    assert second == {"p": 5_000, "q": 9_000}
    assert held_by_unknown(Bound(20_000, "", 0), second).us == 5_000
    third = begins_of_unknown(["q"], second, 20_000)
    assert held_by_unknown(Bound(30_000, "", 0), third).us == 9_000
    assert begins_of_unknown([], third, 30_000) == {}


def test_nothing_is_read_beside_a_transaction_that_was_there_first() -> None:
    begins = begins_of_unknown(["p"], {}, None)
    bound = held_by_unknown(Bound(20_000, "", 0), begins)
    assert bound.us <= 0
    assert "p was there before the first poll" in bound.why
    # Others that come later do not stay behind for ever, when it is gone.
    assert begins_of_unknown(["q"], begins, 20_000) == {"q": 20_000}


@given(TIMES, st.integers(0, 10_000_000_000))
def test_where_transactions_are_not_seen_the_overlap_is_kept(now: int, overlap: int) -> None:
    assert overlap_bound(now, overlap, "why").us < now - overlap
