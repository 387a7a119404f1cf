"""Counts of a job: Beam metrics for every runner, and a tally in this process for progress."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence

from apache_beam.metrics.metric import Metrics

from transforms.lookup import Lookup

NAMESPACE = "kamiflow"
COUNTS = ("records", "events", "filtered", "tombstones", "dead_letters", "multiplied")
LOOKUP_COUNTS = ("hits", "fetched_keys", "misses", "unmatched_rows", "queries", "retries")


class Tally:
    """Counts so far in this process, by statement. Where the workers are this process's threads
    (DirectRunner), it is what a progress display reads; elsewhere it stays empty."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}

    def add(self, statement: str, counts: Mapping[str, int]) -> None:
        with self._lock:
            self._counts.setdefault(statement, Counter()).update(counts)

    def snapshot(self) -> dict[str, dict[str, int]]:
        with self._lock:
            return {statement: dict(counts) for statement, counts in self._counts.items()}

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()


TALLY = Tally()


def metric_name(statement: str, count: str) -> str:
    """The Beam counter of a statement's count. Statement names hold no slash."""
    return f"{statement}/{count}"


def statement_and_count(name: str) -> tuple[str, str]:
    """The inverse of `metric_name`."""
    statement, _, count = name.rpartition("/")
    return statement, count


class Counters:
    """The counters of one statement."""

    def __init__(self, statement: str, *, lookups: bool) -> None:
        self.statement = statement
        names = [*COUNTS, *(f"lookup_{name}" for name in LOOKUP_COUNTS if lookups)]
        self._metrics = {
            name: Metrics.counter(NAMESPACE, metric_name(statement, name)) for name in names
        }
        self._looked_up: Counter[str] = Counter()

    def add(self, counts: Mapping[str, int], lookups: Sequence[Lookup]) -> None:
        """Adds a batch's counts, and what the statement's lookups did since the last batch."""
        added = dict(counts)
        if lookups:
            total = Counter(
                {
                    name: sum(getattr(lookup.counters, name) for lookup in lookups)
                    for name in LOOKUP_COUNTS
                }
            )
            for name in LOOKUP_COUNTS:
                added[f"lookup_{name}"] = total[name] - self._looked_up[name]
            self._looked_up = total
        for name, value in added.items():
            if value:
                self._metrics[name].inc(value)
        TALLY.add(self.statement, added)
