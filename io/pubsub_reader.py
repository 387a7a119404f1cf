"""Reads a subscription as Arrow batches, on runners without a reader of their own.

A message is acknowledged when its bundle is done: of a job that is killed all others come again.
That is so where all sinks are fused with the reader, in the same bundle (`kafka_fusion`).

Beam's own way to say that a bundle is done, the bundle finalizer, is not used: on Flink it comes
with the next checkpoint, until when each bundle keeps a worker's steps of its own. That the steps
which made a bundle are asked for the next one says the same on every runner: those of a bundle that
failed are torn down.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.io.iobase import RestrictionProgress, RestrictionTracker
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipeline_io.pubsub_puller import Puller
from pipeline_io.pubsub_pullers import PULLERS, PullerKey
from pipeline_io.pubsub_subscription import SubscriptionConfig

WAIT_SECONDS = 0.5
"""How long a bundle waits for a first message: an empty bundle costs some milliseconds."""
BUNDLE_SECONDS = 1.0
"""How long a bundle lasts in a backlog: sinks confirm, messages are acknowledged."""

_F = TypeVar("_F", bound=Callable[..., Any])


class Rounds(NamedTuple):
    """Rounds of an endless read. There is no place in a subscription to go on from: only Pub/Sub
    knows what was acknowledged."""

    done: int
    ends: bool = False


class RoundsTracker(RestrictionTracker):
    """Counts rounds, and splits where it stands."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds
        self._claimed = rounds.done

    def current_restriction(self) -> Rounds:
        return self._rounds

    def try_claim(self, position: int) -> bool:
        if self._rounds.ends:
            return False
        self._claimed = position
        return True

    def try_split(self, fraction_of_remainder: float) -> tuple[Rounds, Rounds] | None:
        if fraction_of_remainder != 0 or self._rounds.ends:
            return None
        self._rounds = Rounds(self._claimed, ends=True)
        return self._rounds, Rounds(self._claimed)

    def current_progress(self) -> RestrictionProgress:
        return RestrictionProgress(completed=self._claimed, remaining=1)

    def check_done(self) -> None:
        if not self._rounds.ends:
            message = "reading stopped, though a subscription has no end"
            raise ValueError(message)

    def is_bounded(self) -> bool:
        return False


class RoundsProvider(RestrictionProvider):
    """Begins to count for every reader."""

    def initial_restriction(self, element: int) -> Rounds:
        return Rounds(0)

    def create_tracker(self, restriction: Rounds) -> RoundsTracker:
        return RoundsTracker(restriction)

    def restriction_size(self, element: int, restriction: Rounds) -> int:
        return 1

    def truncate(self, element: int, restriction: Rounds) -> Rounds | None:
        """A pipeline that drains reads no further."""
        return None


_ROUNDS = beam.DoFn.RestrictionParam(RoundsProvider())
_UNBOUNDED: Callable[[_F], _F] = beam.DoFn.unbounded_per_element()


class PullForEver(beam.DoFn):
    """Yields batches of messages (RECORD_SCHEMA), at the time when the first was published."""

    def __init__(self, config: SubscriptionConfig, batch_size: int) -> None:
        self.key = PullerKey(config, uuid.uuid4().hex, limited=True)
        self.batch_size = batch_size
        self._puller: Puller | None = None
        self._taken: list[str] = []

    def setup(self) -> None:
        self._puller = PULLERS.open(self.key)

    def start_bundle(self) -> None:
        # That there is another bundle for these steps says that the one before is done.
        if self._taken:
            self._running().acknowledge(self._taken)
            self._taken = []

    @_UNBOUNDED
    def process(self, element: int, tracker: Any = _ROUNDS) -> Iterator[Any]:
        puller = self._running()
        done = tracker.current_restriction().done
        until = time.monotonic() + BUNDLE_SECONDS
        while time.monotonic() < until:
            pulled = puller.take(self.batch_size, 0 if self._taken else WAIT_SECONDS)
            if pulled is None:
                break
            done += 1
            if not tracker.try_claim(done):
                puller.give_back(pulled.ids)
                return
            self._taken += pulled.ids
            yield timestamped(pulled.batch)
        tracker.defer_remainder()

    def teardown(self) -> None:
        if self._puller is not None:
            # Of a bundle that failed, or one of which nobody knows how it went.
            self._puller.give_back(self._taken)
            self._taken, self._puller = [], None
            PULLERS.close(self.key)

    def _running(self) -> Puller:
        if self._puller is None:
            message = "a reader of messages is used before setup(), or after teardown()"
            raise RuntimeError(message)
        return self._puller


def timestamped(batch: pa.RecordBatch) -> TimestampedValue[pa.RecordBatch]:
    """The batch at the time of its earliest message."""
    earliest: int = pc.min(batch.column("timestamp").cast(pa.int64())).as_py()
    return TimestampedValue(batch, Timestamp(micros=earliest * 1_000))


class ReadSubscription(beam.PTransform[PBegin, PCollection[pa.RecordBatch]]):
    """Batches of a subscription's messages (RECORD_SCHEMA), for ever.

    readers: how many bundles are made at a time.
    """

    def __init__(self, config: SubscriptionConfig, batch_size: int, readers: int = 1) -> None:
        super().__init__()
        self.config = config
        self.batch_size = batch_size
        self.readers = readers

    def expand(self, begin: PBegin) -> PCollection[pa.RecordBatch]:
        read = beam.ParDo(PullForEver(self.config, self.batch_size))
        batches: PCollection[pa.RecordBatch] = (
            begin
            | "Readers" >> beam.Create(list(range(self.readers)), reshuffle=False)
            | "PullBatches" >> read.with_output_types(pa.RecordBatch)
        )
        return batches
