"""The step of a pipeline around what writes to a sink, bundle by bundle."""

from __future__ import annotations

import abc
from typing import Generic, NamedTuple, Protocol, TypeVar

import apache_beam as beam
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.timestamp import Timestamp

from pipeline_io.sink_metrics import SinkMetrics


class Writer(Protocol):
    """What sends the rows of a bundle, and waits at its end until all are confirmed."""

    @property
    def is_idle(self) -> bool:
        """Whether it can be used for another bundle: nothing is under way, nothing has failed."""

    def close(self) -> None:
        """Ends it; what is not confirmed may be lost."""


_Writer = TypeVar("_Writer", bound=Writer)


class Place(NamedTuple):
    """Where a batch belongs in event time."""

    timestamp: Timestamp
    window: BoundedWindow


class SinkStep(beam.DoFn, abc.ABC, Generic[_Writer]):
    """A step that keeps a writer for all of its bundles, until one of them fails."""

    def __init__(self, metrics: SinkMetrics) -> None:
        self.metrics = metrics
        self._writer: _Writer | None = None

    @abc.abstractmethod
    def open_writer(self) -> _Writer:
        """A writer, ready to be given rows."""

    def setup(self) -> None:
        self._writer = self.open_writer()

    def start_bundle(self) -> None:
        if self._writer is None or not self._writer.is_idle:
            # The bundle before has failed: what it left must not mix with its second try.
            self.teardown()
            self.setup()
        self.metrics.begin()

    def teardown(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def writer(self) -> _Writer:
        """The one that setup() has opened."""
        if self._writer is None:
            message = f"{type(self).__name__} is used before setup(), or after teardown()"
            raise RuntimeError(message)
        return self._writer
