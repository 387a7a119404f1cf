"""How long records take, as Beam metrics, by a few numbers a batch."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics import monitoring_infos
from apache_beam.metrics.cells import DistributionData, MetricCell
from apache_beam.metrics.execution import MetricUpdater
from apache_beam.metrics.metric import Metrics
from apache_beam.metrics.metricbase import MetricName

SUM, COUNT = "_sum", "_count"
"""Ends of the names of the two counters that each latency has besides its distribution: their
rates give the mean of the last minutes, which a total since the start does not, and Flink's
reporter for Prometheus shows counters alone."""

_COMPUTE: Any = pc

# Of the year 2109. Producers write any number as a time, and sums are to hold.
_LATEST_MS = 2**42


class Times(NamedTuple):
    """Instants of some records, milliseconds since 1970: how many, their sum, the outermost."""

    records: int
    total: int
    oldest: int
    newest: int

    def with_more(self, other: Times) -> Times:
        """Both together."""
        if not self.records or not other.records:
            return self if self.records else other
        return Times(
            self.records + other.records,
            self.total + other.total,
            min(self.oldest, other.oldest),
            max(self.newest, other.newest),
        )


NO_TIMES = Times(0, 0, 0, 0)


def times_of(instants: Any) -> Times:
    """The Times of a column of timestamps in milliseconds; a NULL is none."""
    if instants.null_count == len(instants):
        return NO_TIMES
    numbers: npt.NDArray[np.int64] = instants.drop_null().cast(pa.int64()).to_numpy()
    numbers = numbers.clip(0, _LATEST_MS)
    return Times(len(numbers), int(numbers.sum()), int(numbers.min()), int(numbers.max()))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class _SpreadCell(MetricCell):
    """A distribution that takes many values at once: Beam's own takes one, or loses the mean."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)  # type: ignore[no-untyped-call]  # Beam types it not
        self.data = DistributionData.identity_element()

    def update(self, value: DistributionData) -> None:
        self.data = self.data.combine(value)

    def reset(self) -> None:
        self.data = DistributionData.identity_element()

    def get_cumulative(self) -> DistributionData:
        return self.data.get_cumulative()

    def to_runner_api_monitoring_info_impl(self, name: MetricName, transform_id: str) -> Any:
        found = self.get_cumulative()
        return monitoring_infos.int64_user_distribution(
            name.namespace, name.name, found, ptransform=transform_id
        )


class Latency:
    """The distribution `name` of milliseconds, and its counters `name` + SUM and COUNT."""

    def __init__(self, namespace: str, name: str) -> None:
        self._spread = MetricUpdater(_SpreadCell, MetricName(namespace, name))
        self._sum = Metrics.counter(namespace, name + SUM)
        self._count = Metrics.counter(namespace, name + COUNT)

    def until(self, now: int, times: Times) -> None:
        """What has passed from the Times to `now`. Clocks differ: less than nothing is 0."""
        if times.records:
            total = max(0, now * times.records - times.total)
            self._add(times.records, total, max(0, now - times.newest), max(0, now - times.oldest))

    def between(self, begins: Any, ends: Any) -> None:
        """What has passed from one column of instants in milliseconds to another, row by row; not
        where either is NULL, or no time since 1970."""
        first, last = begins.cast(pa.int64()), ends.cast(pa.int64())
        known = _COMPUTE.and_(_COMPUTE.greater(first, 0), _COMPUTE.is_valid(last))
        if not _COMPUTE.all(known, skip_nulls=False).as_py():
            first, last = first.filter(known), last.filter(known)
        begun, ended = (each.to_numpy().clip(0, _LATEST_MS) for each in (first, last))
        passed: npt.NDArray[np.int64] = (ended - begun).clip(min=0)
        if len(passed):
            self._add(len(passed), int(passed.sum()), int(passed.min()), int(passed.max()))

    def _add(self, count: int, total: int, least: int, most: int) -> None:
        self._spread(DistributionData(total, count, least, most))
        self._sum.inc(total)
        self._count.inc(count)
