import threading
from types import SimpleNamespace
from typing import cast

import pytest

from transforms.counters import (
    COUNTS,
    LOOKUP_COUNTS,
    TALLY,
    Counters,
    Tally,
    metric_name,
    statement_and_count,
)
from transforms.lookup import Lookup


@pytest.mark.parametrize("statement", ["events", "events.2", "a b", "ä", "with/slash"])
@pytest.mark.parametrize("count", [*COUNTS, "lookup_hits"])
def test_a_metrics_name_tells_statement_and_count(statement: str, count: str) -> None:
    assert statement_and_count(metric_name(statement, count)) == (statement, count)


def test_a_tally_adds_up_by_statement_and_is_shown_as_a_copy() -> None:
    tally = Tally()
    tally.add("a", {"records": 2, "events": 1})
    tally.add("a", {"records": 3})
    tally.add("b", {"records": 0})
    shown = tally.snapshot()
    assert shown == {"a": {"records": 5, "events": 1}, "b": {"records": 0}}
    shown["a"]["records"] = 99
    assert tally.snapshot()["a"]["records"] == 5
    tally.clear()
    assert tally.snapshot() == {}


def test_threads_add_to_one_tally() -> None:
    tally = Tally()

    def add() -> None:
        for _ in range(500):
            tally.add("a", {"records": 1})

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.snapshot() == {"a": {"records": 4_000}}


def lookup(**counts: int) -> Lookup:
    values = dict.fromkeys(LOOKUP_COUNTS, 0) | counts
    return cast("Lookup", SimpleNamespace(counters=SimpleNamespace(**values)))


def test_what_lookups_did_since_the_last_batch_is_added() -> None:
    TALLY.clear()
    counters = Counters("paired", lookups=True)
    counters.add({"records": 5}, [lookup(hits=2, queries=1), lookup(hits=1)])
    counters.add({"records": 5}, [lookup(hits=7, queries=1), lookup(hits=1)])
    shown = TALLY.snapshot()["paired"]
    assert shown["records"] == 10
    assert shown["lookup_hits"] == 8
    assert shown["lookup_queries"] == 1
    assert shown["lookup_misses"] == 0
    TALLY.clear()


def test_a_statement_without_lookups_has_no_counts_of_them() -> None:
    TALLY.clear()
    Counters("plain", lookups=False).add(dict.fromkeys(COUNTS, 1), [])
    assert TALLY.snapshot() == {"plain": dict.fromkeys(COUNTS, 1)}
    TALLY.clear()
