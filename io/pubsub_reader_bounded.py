"""Reads a subscription until it is empty, for runs that end in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PBegin, PCollection

from pipeline_io.pubsub_puller import Puller
from pipeline_io.pubsub_pullers import PULLERS, PullerKey
from pipeline_io.pubsub_reader import timestamped
from pipeline_io.pubsub_subscription import SubscriptionConfig

RUN_SECONDS = 1.0
"""How long one of a row of runs reads at most: its messages are acknowledged behind it."""
REPEATED_WAIT_SECONDS = 0.05
"""How long one of a row of runs waits for more: the next one starts as soon as there is some."""

_TAKEN: dict[PullerKey, list[str]] = {}


class SubscriptionRun:
    """What a run, or a row of runs, reads in this very process, and acknowledges afterwards.

    repeated: one of a row of runs, each of which reads what waits. Else one run reads until there
    was nothing for `idle_seconds`.
    """

    def __init__(
        self, config: SubscriptionConfig, *, repeated: bool, idle_seconds: float = 5.0
    ) -> None:
        self.config = config
        self.repeated = repeated
        self.idle_seconds = idle_seconds
        self.key = PullerKey(config, "here", limited=repeated)
        self._puller: Puller | None = None

    def open(self) -> None:
        """Begins to pull."""
        if self._puller is None:
            self._puller = PULLERS.open(self.key)

    def waiting(self) -> int:
        """Messages that can be read now. Raises PubsubError."""
        self.open()
        return self._running().waiting()

    def acknowledge(self) -> int:
        """Acknowledges all that runs have read; the sinks have it. How many messages that was.

        Raises PubsubError: they will come again.
        """
        taken = _TAKEN.pop(self.key, [])
        self._running().acknowledge(taken)
        self._running().flush()
        return len(taken)

    def close(self) -> None:
        """Gives back what was not acknowledged."""
        if self._puller is not None:
            self._puller.give_back(_TAKEN.pop(self.key, []))
            self._puller = None
            PULLERS.close(self.key)

    def _running(self) -> Puller:
        if self._puller is None:
            message = "a run of a subscription is used before open(), or after close()"
            raise RuntimeError(message)
        return self._puller


class PullUntilEmpty(beam.DoFn):
    """Yields batches of messages (RECORD_SCHEMA) until no more come."""

    def __init__(
        self, key: PullerKey, batch_size: int, idle_seconds: float, most_seconds: float | None
    ) -> None:
        self.key = key
        self.batch_size = batch_size
        self.idle_seconds = idle_seconds
        self.most_seconds = most_seconds

    def process(self, element: int) -> Iterator[Any]:
        if self.key not in PULLERS:
            message = (
                "a subscription is read in another process than the job's; leave out "
                "--direct_running_mode, or use --runner=PrismRunner with --follow"
            )
            raise RuntimeError(message)
        puller = PULLERS.open(self.key)
        taken = _TAKEN.setdefault(self.key, [])
        until = None if self.most_seconds is None else time.monotonic() + self.most_seconds
        try:
            while until is None or time.monotonic() < until:
                pulled = puller.take(self.batch_size, self.idle_seconds)
                if pulled is None:
                    return
                taken += pulled.ids
                yield timestamped(pulled.batch)
        finally:
            PULLERS.close(self.key)


class ReadUntilEmpty(beam.PTransform[PBegin, PCollection[pa.RecordBatch]]):
    """Batches of a subscription's messages (RECORD_SCHEMA) until there are no more.

    Nothing is acknowledged before `SubscriptionRun.acknowledge`. The run has to be open, and the
    pipeline to run in this process.
    """

    def __init__(self, run: SubscriptionRun, batch_size: int) -> None:
        super().__init__()
        self.key = run.key
        self.batch_size = batch_size
        self.idle_seconds = REPEATED_WAIT_SECONDS if run.repeated else run.idle_seconds
        self.most_seconds = RUN_SECONDS if run.repeated else None

    def expand(self, begin: PBegin) -> PCollection[pa.RecordBatch]:
        step = PullUntilEmpty(self.key, self.batch_size, self.idle_seconds, self.most_seconds)
        batches: PCollection[pa.RecordBatch] = (
            begin
            | "Once" >> beam.Create([0], reshuffle=False)
            | "PullBatches" >> beam.ParDo(step).with_output_types(pa.RecordBatch)
        )
        return batches
