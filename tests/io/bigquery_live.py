"""Sinks to the emulator, and what it has then."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from pipeline_io.bigquery_channel import open_client
from pipeline_io.bigquery_log_sink import BigQueryLogSink
from tests.stack.servers import BigQuery

MakeSink = Callable[..., BigQueryLogSink]


def fresh_dataset() -> str:
    """A name that no other test has."""
    return f"shop_{uuid.uuid4().hex[:8]}"


@contextlib.contextmanager
def sinks(bigquery: BigQuery, dataset: str) -> Iterator[MakeSink]:
    """Makes sinks to a dataset, with options of BigQueryConfig; they are closed in the end."""
    opened: list[BigQueryLogSink] = []

    def make(**options: Any) -> BigQueryLogSink:
        usual = {
            "rest_endpoint": f"http://{bigquery.rest_address}",
            "storage_endpoint": f"http://{bigquery.storage_address}",
        }
        sink = BigQueryLogSink(bigquery.project, dataset, **{**usual, **options})
        opened.append(sink)
        return sink

    yield make
    bigquery.repair()
    for sink in opened:
        sink.close()


def queried(sink: BigQueryLogSink, sql: str) -> list[dict[str, Any]]:
    """The rows of a query; {dataset} in it is the sink's."""
    with open_client(sink.config) as client:
        rows = client.query_and_wait(sql.replace("{dataset}", sink.config.dataset))
        return [dict(row.items()) for row in rows]


def column_of(sink: BigQueryLogSink, table: str, column: str) -> list[Any]:
    """A column of a table, in its order."""
    sql = f"SELECT {column} FROM {{dataset}}.{table} ORDER BY {column}"  # noqa: S608
    return [row[column] for row in queried(sink, sql)]
