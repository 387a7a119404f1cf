"""The proof: the view over what arrived is the table, whatever happened on the way."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from tests.proof.history import Anchored, Compacted, Loaded, NewLife, make_history
from tests.proof.mutations import MUTATIONS, Mutation
from tests.proof.ordering import Appended, ordered
from tests.proof.reading import Batch, Rewrite
from tests.proof.runs import wrong
from tests.proof.source_log import FLAVOURS, Flavour

HISTORIES_OF_A_FLAVOUR = 250


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_view_is_the_table_in_every_history(flavour: Flavour) -> None:
    failures = list(wrong(flavour, range(HISTORIES_OF_A_FLAVOUR)))
    assert not failures, "\n".join(str(failure) for failure in failures[:3])


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_histories_catch_a_broken_rule(mutation: Mutation) -> None:
    """One of the same histories shows it; flavours take turns, since some hide some faults."""
    rounds: list[tuple[Flavour, range]] = []
    if mutation.shown_by is not None:
        flavour, seed = mutation.shown_by
        rounds.append((flavour, range(seed, seed + 1)))
    rounds += [
        (flavour, range(start, start + 25))
        for start in range(0, HISTORIES_OF_A_FLAVOUR, 25)
        for flavour in mutation.flavours
    ]
    caught = itertools.chain.from_iterable(
        wrong(flavour, seeds, mutation) for flavour, seeds in rounds
    )
    assert next(caught, None) is not None


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_seed_gives_the_same_history_again(flavour: Flavour) -> None:
    assert make_history(flavour, 17) == make_history(flavour, 17)
    assert make_history(flavour, 17) != make_history(flavour, 18)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_histories_hold_every_kind_of_event(flavour: Flavour) -> None:
    """A model that stopped making one of them would prove nothing about it."""
    seen: Counter[object] = Counter()
    for seed in range(100):
        history = make_history(flavour, seed)
        seen.update(type(step) for step in history.steps)
        for step in history.steps:
            if isinstance(step, Batch):
                seen["read again"] += step.is_again
                for record in step.records:
                    seen[record.change.op] += 1
                    seen[record.snapshot] += 1
                    seen["moved"] += record.change.old_key is not None
                    seen["missing"] += bool(record.change.missing)
                    seen["narrow"] += not record.change.has_extra
    wanted: list[object] = [Batch, Rewrite, Anchored, Loaded, Compacted, "read again"]
    wanted += [*"cudrt", "true", "incremental", "moved", "narrow"]
    wanted += [NewLife] if flavour in ("mysql_file", "postgresql") else []
    wanted += ["missing"] if flavour == "postgresql" else []
    assert not [kind for kind in wanted if not seen[kind]]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_histories_that_share_calls_get_the_keys_that_each_gets_alone(flavour: Flavour) -> None:
    histories = [make_history(flavour, seed) for seed in range(12)]
    together = ordered(flavour, histories)
    for history, effects in zip(histories, together, strict=True):
        assert ordered(flavour, [history]) == [effects]


def test_the_same_event_delivered_twice_has_one_order_key() -> None:
    """Unless a promoted replica has it at other positions."""
    history = make_history("postgresql", 3)
    (effects,) = ordered("postgresql", [history])
    keys: dict[str, set[str]] = {}
    for effect in effects:
        if isinstance(effect, Appended):
            for record, key in zip(effect.records, effect.keys, strict=True):
                if record.snapshot == "false":
                    keys.setdefault(record.event, set()).add(key)
    assert {len(found) for found in keys.values()} == {1}
