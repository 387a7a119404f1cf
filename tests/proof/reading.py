"""The modelled readers of a topic: in which batches, and when, records come to the change log.

Each partition has its own reader, which may be far behind the others. A reader that was killed
reads a stretch again; a sink that was killed writes rows again that are there already.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Sequence

from tests.proof.connector import Record, Topic


@dataclasses.dataclass(frozen=True)
class Batch:
    """Records of one partition in the order of their offsets, at `tick`. `number` is that of the
    batch; `is_again` when a new reader reads them again, who knows nothing of what came before."""

    number: int
    tick: float
    records: tuple[Record, ...]
    is_again: bool = False


@dataclasses.dataclass(frozen=True)
class Rewrite:
    """Log rows of the batch `number` are written once more; `chosen` are their places in it."""

    tick: float
    number: int
    chosen: tuple[int, ...]


def batches_of(random_numbers: random.Random, topic: Topic) -> list[Batch]:
    """The batches in which every record comes first, in the order of their arrival."""
    batches: list[Batch] = []
    for partition in range(topic.partitions):
        records = [record for record in topic.records if record.partition == partition]
        lag = random_numbers.choice([0, 0, 2, 10, 60])
        size = random_numbers.choice([3, 10, 1000])
        tick = 0.0
        while records:
            count = random_numbers.randint(1, size)
            taken = [record for record in records[:count] if record.life == records[0].life]
            records = records[len(taken) :]
            tick = max(tick, taken[-1].sent + lag * random_numbers.random())
            # Whoever counts another life by hand waits until the older one was read.
            if taken[0].life < len(topic.lives):
                tick = min(tick, topic.lives[taken[0].life] - 0.5)
                tick = max(tick, taken[-1].sent - 0.5)
            batches.append(Batch(0, tick, tuple(taken)))
    _keep_servers_in_order(batches, topic.records)
    batches.sort(key=lambda batch: batch.tick)
    return [dataclasses.replace(batch, number=number) for number, batch in enumerate(batches)]


def again(
    random_numbers: random.Random, topic: Topic, batches: list[Batch], end: int
) -> list[Batch | Rewrite]:
    """What comes again, until the tick `end`."""
    repeats: list[Batch | Rewrite] = []
    for batch in random_numbers.sample(batches, min(len(batches), random_numbers.randint(0, 4))):
        tick = random_numbers.uniform(batch.tick, end)
        records = batch.records
        if random_numbers.random() < 0.5:
            count = random_numbers.randint(1, len(records))
            chosen = sorted(random_numbers.sample(range(len(records)), count))
            repeats.append(Rewrite(tick, batch.number, tuple(chosen)))
        elif tick < _end_of_life(topic, records[0].life, end):
            repeats.append(Batch(-1, tick, records, is_again=True))
    return repeats


def _end_of_life(topic: Topic, life: int, end: int) -> float:
    return topic.lives[life] - 0.5 if life < len(topic.lives) else end


def _keep_servers_in_order(batches: list[Batch], records: Sequence[Record]) -> None:
    """Servers are numbered in the order in which the log shows them: a reader that is far ahead
    must not show the second one before any other reader has shown the first."""
    order = list(dict.fromkeys(server for record in records if (server := _server(record))))
    for place, server in enumerate(order):
        later = set(order[place + 1 :])
        shown = [_shown_first(batch.records, {server, *later}) for batch in batches]
        first = min(
            (batch.tick for batch, found in zip(batches, shown, strict=True) if found == server),
            default=0.0,
        )
        for number, (batch, found) in enumerate(zip(batches, shown, strict=True)):
            if found in later and batch.tick <= first:
                batches[number] = dataclasses.replace(batch, tick=first + 0.01)
        _keep_offsets_in_order(batches)


def _keep_offsets_in_order(batches: list[Batch]) -> None:
    newest: dict[int, float] = {}
    for number, batch in enumerate(batches):
        partition = batch.records[0].partition
        newest[partition] = max(batch.tick, newest.get(partition, 0.0))
        batches[number] = dataclasses.replace(batch, tick=newest[partition])


def _shown_first(records: Iterable[Record], servers: set[str]) -> str | None:
    return next((server for record in records if (server := _server(record)) in servers), None)


def _server(record: Record) -> str:
    """What leads the record's GTID and tells the servers or domains apart; '' without one."""
    return str(record.source.get("gtid") or "").split("-")[0]
