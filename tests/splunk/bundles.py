"""The writer's DoFn, as a worker runs it."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from apache_beam.transforms.window import IntervalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline_io.splunk import WriteEvents
from pipeline_io.splunk_config import SplunkConfig

WINDOW = IntervalWindow(Timestamp(0), Timestamp(10))


def writer_of(config: SplunkConfig) -> Any:
    """The DoFn under the transform, as a worker unpickles it, before setup()."""
    applied: list[Any] = []

    class Seen:
        def __or__(self, step: Any) -> Any:
            applied.append(step.transform.fn)
            return self

    WriteEvents(config).expand(Seen())  # type: ignore[arg-type]  # no pipeline
    return pickle.loads(pickle.dumps(applied[0]))  # noqa: S301  # of this very test


def bundle(writer: Any, batches: Iterable[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """One bundle; the REFUSED_ROWS that came out of it."""
    writer.start_bundle()
    found: list[Any] = []
    for rows in batches:
        found += writer.process(rows, Timestamp(5), WINDOW)
    found += writer.finish_bundle()
    return [one.value if isinstance(one, WindowedValue) else one for one in found]


def written(config: SplunkConfig, *batches: pa.RecordBatch) -> list[pa.RecordBatch]:
    """Writes the batches in one bundle; what was refused."""
    writer = writer_of(config)
    writer.setup()
    try:
        return bundle(writer, batches)
    finally:
        writer.teardown()
