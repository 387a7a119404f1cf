"""Sinks and rows that tests of BigQuery use."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from pipeline_io.bigquery_log_sink import BigQueryLogSink
from tests.io.bigquery_rest_stand_in import RestStandIn
from tests.io.bigquery_stand_in import StandIn

ORDERS = (("n", "INT64"), ("text", "STRING"), ("tags", "ARRAY<STRING>"), ("at", "TIMESTAMP"))
"""The columns of the table `orders`."""

_FIELDS: list[pa.Field[Any]] = [pa.field("n", pa.int64()), pa.field("text", pa.string())]
NUMBERS = pa.schema(_FIELDS)


def numbered(numbers: Sequence[int], bytes_of_text: int = 1) -> pa.RecordBatch:
    """Rows of the table `orders` with these numbers."""
    texts = ["x" * bytes_of_text] * len(numbers)
    return pa.record_batch([pa.array(numbers, pa.int64()), pa.array(texts)], schema=NUMBERS)


@dataclasses.dataclass
class BigQuery:
    """A BigQuery in this process, and sinks to it."""

    storage: StandIn
    rest: RestStandIn
    opened: list[BigQueryLogSink]

    def options(self, **options: Any) -> dict[str, Any]:
        """Of BigQueryConfig, with short waits unless told otherwise."""
        return {
            "project": "shop-1",
            "dataset": "shop",
            "retry_seconds": 20.0,
            "rest_endpoint": self.rest.endpoint,
            "storage_endpoint": self.storage.endpoint,
            **options,
        }

    def sink(self, *tables: str, **options: Any) -> BigQueryLogSink:
        """A sink with some tables of ORDERS declared, "orders" unless told otherwise."""
        sink = BigQueryLogSink(**self.options(**options))
        self.opened.append(sink)
        for table in tables or ("orders",):
            sink.ensure_table(table, ORDERS)
        return sink


@contextlib.contextmanager
def running() -> Iterator[BigQuery]:
    """A BigQuery for the length of a block."""
    with StandIn() as storage, RestStandIn(storage) as rest:
        made = BigQuery(storage, rest, [])
        try:
            yield made
        finally:
            for sink in made.opened:
                sink.close()


Sinks = Callable[..., BigQueryLogSink]
