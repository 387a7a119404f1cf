"""Runs histories: which of them the view gets wrong, under the rules or under a mutation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from kami.errors import ConfigurationError
from tests.proof.history import History, make_history
from tests.proof.mutations import Mutation
from tests.proof.naive import naive_view_sql
from tests.proof.ordering import ordered
from tests.proof.source_log import Flavour
from tests.proof.source_rows import Row
from tests.proof.trial import Trial

_TOGETHER = 50
"""Histories whose order keys are made in shared calls."""

THE_RULES = Mutation("the rules as they are")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A history, and the rows that the view had when everything had arrived."""

    history: History
    found: list[Row]
    refused: str = ""
    """What `kami` said to a mutation that it would not work with."""

    @property
    def is_right(self) -> bool:
        return not self.refused and self.found == sorted_rows(self.history.final.values())

    def __str__(self) -> str:
        """What differs, and how to see it again."""
        final = set(self.history.final.values())
        lines = [f"{self.history.flavour}, seed {self.history.seed}: the view is not the table"]
        lines += [f"  the table has   {row}" for row in sorted_rows(final - set(self.found))]
        lines += [f"  the view has    {row}" for row in sorted_rows(set(self.found) - final)]
        lines.append(
            f"again: python -m tests.proof 1 --seed {self.history.seed} "
            f"--flavour {self.history.flavour}"
        )
        return "\n".join(lines)


def sorted_rows(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.key, repr(row)))


def naive(flavour: Flavour) -> Mutation:
    """The baseline view in the place of the generated one."""
    return Mutation("the naive view", view_sql=lambda sql: naive_view_sql(flavour))


def verdicts(flavour: Flavour, seeds: range, mutation: Mutation = THE_RULES) -> Iterator[Verdict]:
    """The verdict on each seed's history, in turn."""
    with Trial(
        flavour,
        view_sql=mutation.view_sql,
        rows=mutation.rows,
        keeps_deleted=mutation.keeps_deleted,
        forgets_early=mutation.forgets_early,
    ) as trial:
        for start in range(0, len(seeds), _TOGETHER):
            histories = [make_history(flavour, seed) for seed in seeds[start : start + _TOGETHER]]
            effects = ordered(flavour, histories, mutation.order)
            for history, steps in zip(histories, effects, strict=True):
                try:
                    yield Verdict(history, sorted_rows(trial.rows(history, steps)))
                except ConfigurationError as error:
                    if mutation is THE_RULES:
                        raise
                    yield Verdict(history, [], str(error))


def wrong(flavour: Flavour, seeds: range, mutation: Mutation = THE_RULES) -> Iterator[Verdict]:
    return (verdict for verdict in verdicts(flavour, seeds, mutation) if not verdict.is_right)
