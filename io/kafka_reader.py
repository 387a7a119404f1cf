"""Reads Kafka's topics as Arrow batches: a splittable DoFn over confluent_kafka.

Its restriction is the positions in all partitions that one reader reads, so that one consumer and
full batches serve a hundred quiet partitions as well as a busy one.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.transforms.window import TimestampedValue

from pipeline_io.kafka_errors import KafkaUnavailable
from pipeline_io.kafka_followed import followed_run
from pipeline_io.kafka_groups import commits_of_run
from pipeline_io.kafka_leases import READERS
from pipeline_io.kafka_partitions import PartitionReader, rows_of
from pipeline_io.kafka_positions import Positions, PositionsProvider, Share, shares
from pipeline_io.kafka_source import KafkaSource
from pipeline_io.kafka_times import timestamp_of, timestamped, watermark_millis
from pipeline_io.kafka_topics import ReadPlan, new_partitions

_LOGGER = logging.getLogger(__name__)

WAIT_SECONDS = 0.5
"""How long a bundle waits for a first record: an empty bundle costs some milliseconds."""
BUNDLE_SECONDS = 1.0
"""How long a bundle of an endless read lasts in a backlog: sinks confirm, offsets are committed."""
LIVE_BUNDLE_SECONDS = 0.05
"""How long one lasts where batches are not full, since the reader has caught up: sinks confirm with
the bundle, and some steps hand over what they hold at its end."""
TURN_SECONDS = 0.05
"""How long a bundle waits for a first record where several reads take turns in one thread."""
BOUNDED_BUNDLE_SECONDS = 10.0
"""The same where offsets are committed at the end alone."""

_F = TypeVar("_F", bound=Callable[..., Any])


_TO_END = beam.DoFn.RestrictionParam(PositionsProvider(endless=False))
_FOR_EVER = beam.DoFn.RestrictionParam(PositionsProvider(endless=True))
_WATERMARK = beam.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider())
_UNBOUNDED: Callable[[_F], _F] = beam.DoFn.unbounded_per_element()


class _Read(beam.DoFn):
    """What both ways of reading share."""

    positions: Positions
    reader: PartitionReader
    wait_seconds = WAIT_SECONDS

    def __init__(
        self,
        source: KafkaSource,
        make_reader: Callable[[KafkaSource], PartitionReader] = PartitionReader,
    ) -> None:
        self.source = source
        self.make_reader = make_reader

    def setup(self) -> None:
        READERS.open()

    def teardown(self) -> None:
        READERS.close()

    @contextlib.contextmanager
    def stand_at(self, element: Share, positions: Positions) -> Iterator[None]:
        """Borrows the reader of a share."""
        key = (element.run, element.number)
        with READERS.lend(key, lambda: self.make_reader(self.source)) as self.reader:
            self.positions = positions
            yield

    def batches(self, tracker: Any, seconds: float) -> Iterator[TimestampedValue[pa.RecordBatch]]:
        """Claims and yields batches, for some seconds or until the partitions have no more; of an
        endless read for a shorter while where batches are not full.

        `self.positions` follows what is claimed.
        """
        began = time.monotonic()
        until, live_until = began + seconds, began + LIVE_BUNDLE_SECONDS
        while not all(each.is_done for each in self.positions) and time.monotonic() < until:
            found = self.reader.read(self.positions, self.source.batch_size, self.wait_seconds)
            for fetched in found:
                if not tracker.try_claim(fetched.positions):
                    return
                self.positions = fetched.positions
                if fetched.batch is not None:
                    yield timestamped(fetched.batch)
            if self.source.bounded:
                continue
            is_full = sum(rows_of(each) for each in found) >= self.source.batch_size
            if all(map(self.reader.is_at_end, self.positions)) or (
                not is_full and time.monotonic() >= live_until
            ):
                return


class ReadToEnd(_Read):
    """Reads a Share up to the ends of its positions."""

    def process(
        self,
        element: Share,
        tracker: Any = _TO_END,
    ) -> Iterator[Any]:
        with self.stand_at(element, tracker.current_restriction()):
            yield from self.batches(tracker, BOUNDED_BUNDLE_SECONDS)
        # Without effect where all is read.
        tracker.defer_remainder()


class ReadForEver(_Read):
    """Reads a Share without an end; commits offsets when the runner has made a bundle final."""

    @_UNBOUNDED
    def process(
        self,
        element: Share,
        # Before the tracker: Beam's runner of splittable DoFns fills in what follows it by place.
        finalizer: Any = beam.DoFn.BundleFinalizerParam,
        tracker: Any = _FOR_EVER,
        estimator: Any = _WATERMARK,
    ) -> Iterator[Any]:
        yield from self.bundle(element, finalizer, tracker, estimator)

    def bundle(
        self, element: Share, finalizer: Any, tracker: Any, estimator: Any
    ) -> Iterator[TimestampedValue[pa.RecordBatch]]:
        """Reads for a while, and leaves the rest to a later bundle."""
        with self.stand_at(element, tracker.current_restriction()):
            found = (*self.positions, *self._discovered_partitions(element))
            if found != self.positions and tracker.try_claim(found):
                self.positions = found
            yield from self.batches(tracker, BUNDLE_SECONDS)
            self._set_watermark(estimator)
        self._commit_when_final(element, finalizer)
        tracker.defer_remainder()

    def _commit_when_final(self, element: Share, finalizer: Any) -> None:
        if self.source.group is None:
            # Prism makes every bundle final, and fails where nothing was asked for.
            finalizer.register(_do_nothing)
            return
        positions = self.positions
        commits = commits_of_run(element.run, self.source.cluster, self.source.group)
        commits.check(self.source.stall_seconds)
        finalizer.register(lambda: commits.confirm(positions))

    def _discovered_partitions(self, element: Share) -> Positions:
        if not self.reader.is_time_to_discover():
            return ()
        try:
            found = element.unknown(self.positions, new_partitions(self.source, self.positions))
        except KafkaUnavailable as error:
            _LOGGER.warning("%s; new partitions are looked for later", error)
            return ()
        if found:
            _LOGGER.warning("reading new partitions: %s", ", ".join(str(e.key) for e in found))
        return found

    def _set_watermark(self, estimator: Any) -> None:
        now = int(datetime.datetime.now(datetime.timezone.utc).timestamp() * 1_000)
        at_end = {each.key for each in self.positions if self.reader.is_at_end(each)}
        reached = watermark_millis(self.positions, at_end, now)
        if reached is None:
            return
        reached -= int(self.source.watermark_delay_seconds * 1_000)
        watermark = timestamp_of(reached)
        current = estimator.current_watermark()
        if current is None or watermark > current:
            estimator.set_watermark(watermark)


class ReadUntilStopped(ReadForEver):
    """The same for a runner in this process, which can only be told by the reader that all is read:
    it is when the FollowedRun of the Share is stopped.

    To Beam it is a bounded read, since this runner takes no other.
    """

    def __init__(
        self,
        source: KafkaSource,
        wait_seconds: float,
        make_reader: Callable[[KafkaSource], PartitionReader] = PartitionReader,
    ) -> None:
        super().__init__(source, make_reader)
        self.wait_seconds = wait_seconds

    def process(
        self,
        element: Share,
        finalizer: Any = beam.DoFn.BundleFinalizerParam,
        tracker: Any = _FOR_EVER,
        estimator: Any = _WATERMARK,
    ) -> Iterator[Any]:
        run = followed_run(element.run)
        if run.is_stopped:
            tracker.try_claim(None)
            finalizer.register(_do_nothing)
            return
        for batch in self.bundle(element, finalizer, tracker, estimator):
            run.note_records()
            yield batch


def _do_nothing() -> None:
    pass


class ReadTopics(beam.PTransform[PBegin, PCollection[pa.RecordBatch]]):
    """Batches of the records of a plan (RECORD_SCHEMA), each partition's in order.

    A bounded source ends where the plan does; the launcher commits its offsets afterwards
    (`kafka_topics.commit`). An endless one commits the offsets of a bundle when the runner has
    made the bundle final.

    Args:
        in_this_process: an endless read by a runner of this process, by one reader, until
            `kafka_followed.followed_run(run)` is stopped.
        wait_seconds: how long a bundle of such a read waits for a first record.
    """

    def __init__(
        self,
        source: KafkaSource,
        plan: ReadPlan,
        *,
        in_this_process: bool = False,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        super().__init__()
        self.source = source
        self.plan = plan
        self.in_this_process = in_this_process
        self.wait_seconds = wait_seconds
        self.run = uuid.uuid4().hex

    def expand(self, begin: PBegin) -> PCollection[pa.RecordBatch]:
        # Several would take turns in one bundle, and wait for each other's records.
        readers = 1 if self.in_this_process else self.source.readers
        parts = shares(self.plan.positions, readers, self.run)
        if self.source.bounded:
            parts = [part for part in parts if part.positions]
        batches: PCollection[pa.RecordBatch] = (
            begin
            | "Partitions" >> beam.Create(parts, reshuffle=False)
            | "ReadBatches" >> beam.ParDo(self._read()).with_output_types(pa.RecordBatch)
        )
        return batches

    def _read(self) -> beam.DoFn:
        if self.source.bounded:
            return ReadToEnd(self.source)
        if self.in_this_process:
            return ReadUntilStopped(self.source, self.wait_seconds)
        return ReadForEver(self.source)
