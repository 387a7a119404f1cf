"""Compaction changes nothing: whatever the history, the delivery and the cut."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kami.compaction import Compactor
from kami.schema import Dialect
from tests.kami.operations.shop import (
    START,
    Event,
    History,
    Shop,
    Values,
    make_history,
    minutes,
    order_key,
)

DIALECTS: tuple[Dialect, ...] = ("mysql", "postgresql")


def disordered(events: list[Event], chance: random.Random) -> list[Event]:
    """In disorder, with repeats."""
    repeats = [event for event in events if chance.random() < 0.2]
    mixed = [*events, *repeats]
    chance.shuffle(mixed)
    return mixed


@pytest.fixture(params=DIALECTS)
def a_shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp(request.param), request.param)
    yield made
    made.warehouse.close()


# Few and long: the statements take longer to translate than to run.
FEW = settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))


def test_the_god_view_is_the_source_after_compactions_of_what_the_topic_delivered(
    a_shop: Shop,
) -> None:
    @FEW
    @given(st.integers(0, 2**32), st.integers(100, 400))
    def holds(seed: int, length: int) -> None:
        run_topic(a_shop, seed, length)

    holds()


def test_a_compaction_leaves_the_god_view_as_it_is_in_any_disorder(a_shop: Shop) -> None:
    """Rows older than the cut that come after it are told to be none (`accept_gaps`)."""

    @FEW
    @given(st.integers(0, 2**32), st.integers(100, 400))
    def holds(seed: int, length: int) -> None:
        run_disordered(a_shop, seed, length, exact=a_shop.table.source.dialect == "mysql")

    holds()


@pytest.mark.parametrize(
    ("seed", "length"),
    [
        # A row was created where one was whose key change had not come.
        (41, 350),
        # A key was held back, and the key that its row came from was not.
        (3, 211),
        (7, 359),
    ],
)
def test_values_that_a_late_key_change_takes_on_are_kept(
    postgresql_shop: Shop, seed: int, length: int
) -> None:
    run_disordered(postgresql_shop, seed, length, exact=True)


def start(shop: Shop, chance: random.Random, history: History) -> list[Event]:
    """Loads a snapshot of any moment; the events of the log, from there or from the beginning."""
    anchor = chance.choice([0, *(event.lsn for event in history.events)])
    shop.create()
    shop.snapshot(history.at(anchor), anchor)
    since = chance.choice([0, anchor])
    return [event for event in history.events if event.lsn > since]


def compact(
    shop: Shop, chance: random.Random, history: History, number: int, accept_gaps: bool
) -> None:
    before = shop.rows()
    cut = order_key(chance.randrange(history.last_lsn + 20))
    now = START + minutes(number)
    Compactor(shop.warehouse, shop.table, now, cut=cut, accept_gaps=accept_gaps).run()
    assert shop.rows() == before, f"compaction {number} changed the view"


def run_topic(shop: Shop, seed: int, length: int) -> None:
    """Each partition's changes come in their order, one partition far behind another; nothing of
    what came is missing, rows of one load are in any order, and some come again."""
    chance = random.Random(seed)
    history = make_history(seed, length, shop.table.source.dialect, keys=30)
    partitions: list[list[Values]] = [[], [], []]
    for event in start(shop, chance, history):
        rows = partitions[(event.key or 0) % 3]
        # A delete is followed by its tombstone, which is not logged.
        offset = sum(2 if row["op"] == "d" else 1 for row in rows)
        rows.append({**event.row(offset, START), "_topic_partition": (event.key or 0) % 3})
    ends = [0, 0, 0]
    for number in range(4):
        loaded: list[Values] = []
        for index, rows in enumerate(partitions):
            end = len(rows) if number == 3 else chance.randint(ends[index], len(rows))
            loaded += rows[ends[index] : end]
            loaded += [row for row in rows[:end] if chance.random() < 0.2]
            ends[index] = end
        chance.shuffle(loaded)
        if loaded:
            shop.append("orders_change_log", loaded)
        if number < 3:
            compact(shop, chance, history, number, accept_gaps=False)
    assert shop.rows() == history.now, f"seed {seed}, length {length}"


def run_disordered(shop: Shop, seed: int, length: int, exact: bool) -> None:
    """Any change may come after any other.

    Args:
        exact: values that were not sent are the source's too. An update that comes after its
            successor, which did not send what it changed, was compacted is not seen.
    """
    chance = random.Random(seed)
    history = make_history(seed, length, shop.table.source.dialect, keys=30)
    mixed = disordered(start(shop, chance, history), chance)
    parts = [chance.randrange(len(mixed) + 1)] if mixed else [0]
    for number, (first, last) in enumerate(zip([0, *parts], [*parts, len(mixed)], strict=True)):
        shop.deliver(mixed[first:last], gap=True)
        compact(shop, chance, history, number, accept_gaps=True)
    names = ["id", "price", "note"] if exact else ["id", "price"]
    assert of(shop.rows(), names) == of(history.now, names), f"seed {seed}, length {length}"
    late = [event for event in mixed if chance.random() < 0.5]
    shop.deliver(late, gap=True)
    assert of(shop.rows(), names) == of(history.now, names), f"seed {seed}: late repeats"


def of(rows: dict[int, Values], names: list[str]) -> dict[int, Values]:
    return {key: {name: row[name] for name in names} for key, row in rows.items()}
