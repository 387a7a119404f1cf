"""Standard output as a sink."""

from __future__ import annotations

import sys

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PCollection

from pipeline_io.files import lines_of


def _print_batch(batch: pa.RecordBatch) -> None:
    sys.stdout.buffer.write(lines_of(batch))
    sys.stdout.buffer.flush()


class PrintLines(beam.PTransform[tuple[PCollection[pa.RecordBatch], ...], None]):
    """Prints the first column of all batches, a line a value, on the worker's standard output."""

    def expand(self, collections: tuple[PCollection[pa.RecordBatch], ...]) -> None:
        for number, collection in enumerate(collections):
            _ = collection | f"PrintBatch{number}" >> beam.Map(_print_batch)
