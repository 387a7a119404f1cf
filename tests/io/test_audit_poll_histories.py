"""Whatever happens to a table, a clock and a poller: what was told makes the table."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.io.audit_polling import SECOND, Change, Items, order, replayed

KEYS = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.sampled_from("abc")),
    # A time that the writer makes up: far back, equal, or ahead of the clock.
    st.tuples(st.just("put_at"), KEYS, st.sampled_from("abc"), st.integers(-90, 30)),
    st.tuples(st.just("put_without_time"), KEYS, st.sampled_from("abc")),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("clock"), st.sampled_from([0.000001, 0.4, 1, 7, 30, -10, -200])),
    st.tuples(st.just("poll"), st.booleans()),
    # The output has so many batches, and the process ends before it commits.
    st.tuples(st.just("crash"), st.booleans(), st.integers(0, 4)),
    # The output has them all and commits in between.
    st.tuples(st.just("commit_between"), st.booleans(), st.integers(0, 4)),
)


class World:
    """A table, and an output that repeats and loses what was not committed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.items = Items(folder)
        self.durable: list[Change] = []
        self.told: list[Change] = []
        self.chance = random.Random(seed)

    def step(self, what: str, *values: Any) -> None:
        if what == "put":
            self.items.put(*values)
        elif what == "put_at":
            key, name, seconds = values
            self.items.put(key, name, at_us=self.items.clock.us + seconds * SECOND)
        elif what == "put_without_time":
            self.items.execute("INSERT OR REPLACE INTO items VALUES (?, ?, NULL)", *values)
        elif what == "delete":
            self.items.execute("DELETE FROM items WHERE id = ?", *values)
        elif what == "clock":
            self.items.clock.move(*values)
        elif what == "poll":
            self.poll(sweep=values[0], batches=None, commits=True)
        else:
            self.poll(sweep=values[0], batches=values[1], commits=what == "commit_between")

    def poll(
        self, *, sweep: bool, batches: int | None, commits: bool, content: bool = False
    ) -> None:
        with self.items.polling(sweep_content=content) as polling:
            token = self.items.token()
            stream = polling.poll.changes(token, sweep=sweep)
            output: list[Change] = []
            for number, batch in enumerate(stream):
                rows = batch.to_pylist()
                self.told += rows
                output += rows
                if number == batches:
                    break
            if commits:
                self.durable += output
                if batches is None or output:
                    polling.state.commit(token)
            elif self.chance.random() < 0.5:
                # Durable all the same: only the state does not know it.
                self.durable += output
            stream.close()

    def settle(self) -> None:
        """Nothing is written any more, and the clock passes all times."""
        self.items.clock.move(10_000)
        # A writer's made up times may be those that a row had before.
        self.poll(sweep=True, batches=None, commits=True, content=True)


@given(st.lists(STEPS, max_size=25), st.integers(0, 99))
@settings(max_examples=20)
def test_what_was_told_makes_the_table_and_an_order_is_one_change_alone(
    steps: list[tuple[Any, ...]], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), seed)
        for step in steps:
            world.step(*step)
        world.settle()
        table = world.items.content()
        assert replayed(world.durable) == table
        # Repeats and all that was lost make no difference.
        assert replayed([*world.durable, *world.told]) == table
        places: dict[tuple[int, tuple[int, int]], Any] = {}
        for change in world.told:
            content = (change["_op"], change["name"], change["updated_us"])
            place = (change["id"], order(change))
            assert places.setdefault(place, content) == content


@given(st.lists(STEPS, max_size=20))
@settings(max_examples=6)
def test_nothing_is_told_twice_when_nothing_happens(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), 0)
        for step in steps:
            world.step(*step)
        world.settle()
        before = len(world.told)
        for content in (False, True):
            world.poll(sweep=True, batches=None, commits=True, content=content)
        assert len(world.told) == before
