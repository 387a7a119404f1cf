"""Runs histories beyond those of the tests: `python -m tests.proof 10000`.

Ends with 1 when the view was wrong once.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import cast

import click

from tests.proof.mutations import MUTATIONS, Mutation
from tests.proof.runs import THE_RULES, naive, wrong
from tests.proof.source_log import FLAVOURS, Flavour

MOST_SHOWN = 3


@click.command(help=__doc__)
@click.argument("histories", type=click.IntRange(1), default=1000)
@click.option("--seed", default=1_000_000, show_default=True, help="The first seed.")
@click.option(
    "--flavour", "chosen", multiple=True, type=click.Choice(FLAVOURS), help="Default: all four."
)
@click.option("--mutations", is_flag=True, help="Count what each broken rule gets wrong, too.")
def main(histories: int, seed: int, chosen: tuple[str, ...], mutations: bool) -> None:
    flavours = [cast("Flavour", flavour) for flavour in chosen] or list(FLAVOURS)
    started = time.process_time()
    failures = _count(THE_RULES, flavours, histories, seed, shows=True)
    seconds = time.process_time() - started
    click.echo(f"{seconds:.0f} CPU seconds, {seconds / histories * 1000:.0f} ms a history")
    if mutations:
        for mutation in (*MUTATIONS, None):
            _count(mutation, flavours, histories, seed)
    raise SystemExit(1 if failures else 0)


def _count(
    mutation: Mutation | None,
    flavours: list[Flavour],
    histories: int,
    seed: int,
    *,
    shows: bool = False,
) -> int:
    """Prints how many histories go wrong, by flavour, and returns the number."""
    counts: Counter[Flavour] = Counter()
    each = -(-histories // len(flavours))
    name = "the naive view" if mutation is None else mutation.name
    for flavour in flavours:
        broken = naive(flavour) if mutation is None else mutation
        if flavour not in broken.flavours:
            continue
        for verdict in wrong(flavour, range(seed, seed + each), broken):
            counts[flavour] += 1
            if shows and counts[flavour] <= MOST_SHOWN:
                click.echo(str(verdict))
    parts = ", ".join(f"{flavour} {counts[flavour]}" for flavour in flavours)
    click.echo(f"{name}: {counts.total()} wrong of {each * len(flavours)} ({parts})")
    return counts.total()


if __name__ == "__main__":
    main()
