"""The step that makes the rows of a change log and only counts them; a warehouse is not asked."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa

from kami.tables import warehouse_name
from pipeline_io.schema_registry import SchemaRegistry
from tests.benchmarks.counted import count
from transforms.avro import choose_decoder
from transforms.change_log_lives import OneSource
from transforms.change_log_order import EventOrder
from transforms.change_log_rows import ChangeLog
from transforms.change_log_tables import TableNames


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


class MakeRows(beam.DoFn):
    """Batches of records (RECORD_SCHEMA) into the Arrow rows of a change log, which are counted.

    Args:
        kept: a file that gets `op` and `after` of each row, a line each; None keeps nothing.
    """

    def __init__(self, registry: SchemaRegistry, kept: Path | None) -> None:
        self.registry = registry
        self.kept = kept

    def setup(self) -> None:
        names = TableNames(warehouse_name)
        order = EventOrder(OneSource("bench"))
        self._log = ChangeLog(self.registry, choose_decoder(), order, names, _now)

    def process(self, element: pa.RecordBatch) -> None:
        found = self._log.process(element)
        if found.refusals:
            message = f"a record was refused: {found.refusals[0]}"
            raise RuntimeError(message)
        for batches in found.rows.values():
            for batch in batches:
                count(batch)
                if self.kept is not None:
                    self._keep(self.kept, batch)

    @staticmethod
    def _keep(path: Path, batch: pa.RecordBatch) -> None:
        rows: Any = batch.select(["op", "after"]).to_pylist()
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{row['op']} {row['after'] or ''}\n" for row in rows)
