"""A history: a random life of a source table, and all that reached the warehouse, step by step.

The same flavour and seed give the same history, on every machine and Python.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping

from tests.proof.connector import Connector, Topic
from tests.proof.interleaved_database import InterleavedDatabase
from tests.proof.reading import Batch, Rewrite, again, batches_of
from tests.proof.serial_database import SerialDatabase
from tests.proof.source_log import Flavour, SourceLog
from tests.proof.source_rows import Rows, some_keys

_TICKS_AFTER = 70
"""Ticks after the source's last, in which the slowest readers come to the end."""


@dataclasses.dataclass(frozen=True)
class NewLife:
    """A person counts another life of the source's log, whose positions have started over."""

    tick: float


@dataclasses.dataclass(frozen=True)
class Anchored:
    """A snapshot's anchor gets its order key. `late_anchor` is one recorded after the read."""

    tick: float
    now_ms: int
    anchor: Mapping[str, object]
    late_anchor: Mapping[str, object]


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The rows of the snapshot that was anchored are in the warehouse."""

    tick: float
    rows: Rows
    has_extra: bool


@dataclasses.dataclass(frozen=True)
class Compacted:
    """The log is compacted up to the order key below which `share` of its keys are.

    `forgets`: deleted rows that earlier compactions kept are forgotten, as soon as they may be.
    """

    tick: float
    share: float
    forgets: bool = False


Step = Batch | Rewrite | NewLife | Anchored | Loaded | Compacted


@dataclasses.dataclass(frozen=True)
class History:
    """Steps in the order in which the warehouse sees them, and the table at the end."""

    flavour: Flavour
    seed: int
    name: str
    steps: list[Step]
    final: Rows
    has_wide_snapshot: bool
    """The snapshot's table has the column `extra`, or there is none."""


def make_history(flavour: Flavour, seed: int) -> History:
    random_numbers = random.Random(f"{flavour}/{seed}")
    name = f"{flavour}-{seed}"
    log = _life(random_numbers, flavour, name)
    may_lose_its_place = random_numbers.random() < 0.6
    topic = Connector(random_numbers, log, may_lose_its_place=may_lose_its_place).run()
    end = len(log.moments) + _TICKS_AFTER
    steps: list[Step] = [NewLife(tick - 0.25) for tick in topic.lives]
    batches = batches_of(random_numbers, topic)
    steps += batches
    has_snapshot = not topic.has_snapshot or (
        random_numbers.random() < 0.6 and not topic.lost_its_place
    )
    loaded = Loaded(0, {}, True)
    if has_snapshot:
        anchored, loaded = _snapshot(random_numbers, log, topic)
        steps += [anchored, loaded]
    steps += again(random_numbers, topic, batches, end)
    # Drawn apart, so that histories stay as they were.
    forgets = random.Random(f"{flavour}/{seed}/forgets").random() < 0.7
    for _ in range(random_numbers.choice([0, 0, 0, 0, 0, 0, 1, 0, 2])):
        share = random_numbers.choice([1.0, random_numbers.random()])
        steps.append(Compacted(random_numbers.uniform(loaded.tick, end), share, forgets))
    steps.sort(key=lambda step: step.tick)
    return History(flavour, seed, name, steps, log.moments[-1].rows, loaded.has_extra)


def _life(random_numbers: random.Random, flavour: Flavour, name: str) -> SourceLog:
    keys = some_keys(random_numbers)
    ticks = random_numbers.randint(12, 45)
    failovers = random_numbers.choice([0, 0, 1, 2])
    if flavour == "postgresql":
        return InterleavedDatabase(random_numbers, name, keys).live(ticks, failovers)
    return SerialDatabase(random_numbers, flavour, name, keys).live(ticks, failovers)


def _snapshot(
    random_numbers: random.Random, log: SourceLog, topic: Topic
) -> tuple[Anchored, Loaded]:
    """A snapshot at some moment since the connector began, its anchor recorded a little earlier."""
    tick = random_numbers.randint(topic.start, len(log.moments) - 1)
    at = log.moments[tick]
    read_tick = _read_tick(random_numbers, log, tick)
    read = log.moments[read_tick]
    late = log.moments[min(read_tick + random_numbers.randint(1, 5), len(log.moments) - 1)]
    anchor = dict(at.anchor)
    if log.flavour == "postgresql":
        if all(log.moments[one].is_quiet for one in (tick, read_tick)):
            anchor = {"lsn": anchor["lsn"]}
        else:
            anchor |= {"xmax": read.anchor["xmax"], "in_progress": read.anchor["in_progress"]}
    loaded_tick = read_tick + random_numbers.choice([0.3, 5, 30])
    return (
        Anchored(tick + 0.2, at.now_ms, anchor, late.anchor),
        Loaded(loaded_tick, read.rows, read.has_extra),
    )


def _read_tick(random_numbers: random.Random, log: SourceLog, tick: int) -> int:
    later = min(tick + random_numbers.choice([0, 0, 1, 3]), len(log.moments) - 1)
    return later if log.moments[later].server == log.moments[tick].server else tick
