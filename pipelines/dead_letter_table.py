"""Dead letters as rows of a table of BigQuery, and back."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa

from pipeline_io.bigquery_log import TableLayout
from transforms.dead_letters import time_text

LAYOUT = TableLayout(
    (
        ("payload", "STRING"),
        ("key", "STRING"),
        ("headers", "JSON"),
        ("topic", "STRING"),
        ("partition", "INT64"),
        ("offset", "INT64"),
        ("timestamp", "TIMESTAMP"),
        ("stage", "STRING"),
        ("statement", "STRING"),
        ("error_class", "STRING"),
        ("message", "STRING"),
        ("schema_id", "INT64"),
        ("attempts", "INT64"),
        ("first_failed_at", "TIMESTAMP"),
        ("last_failed_at", "TIMESTAMP"),
        ("pipeline", "STRING"),
        ("version", "STRING"),
    ),
    partition_by="last_failed_at",
    cluster_by=("pipeline", "error_class", "topic"),
)
"""The fields of a dead letter; payload and key are base64, as in the letter."""

_TYPES: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "JSON": pa.string(),
    "INT64": pa.int64(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}
_SCHEMA = pa.schema([pa.field(name, _TYPES[kind]) for name, kind in LAYOUT.columns])
_TIMES = tuple(name for name, kind in LAYOUT.columns if kind == "TIMESTAMP")


def table_rows(letters: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of LAYOUT of dead letters (DEAD_LETTER_SCHEMA)."""
    return pa.RecordBatch.from_pylist(
        [_row(orjson.loads(letter.as_py())) for letter in letters.column(0)], schema=_SCHEMA
    )


def letter_of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of LAYOUT as the fields of the dead letter."""
    letter = {name: row[name] for name, _ in LAYOUT.columns}
    headers = letter["headers"]
    letter["headers"] = orjson.loads(headers) if isinstance(headers, str) else headers
    for name in _TIMES:
        if isinstance(letter[name], datetime.datetime):
            letter[name] = time_text(letter[name])
    return letter


def _row(letter: dict[str, Any]) -> dict[str, Any]:
    row = dict(letter)
    row["headers"] = orjson.dumps(letter["headers"]).decode()
    for name in _TIMES:
        row[name] = _time(letter[name])
    return row


def _time(text: str | None) -> datetime.datetime | None:
    """None also for a time beyond Python's calendar: the message tells of such a record."""
    if text is None:
        return None
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
