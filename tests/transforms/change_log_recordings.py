"""Recordings through the change log, and what a log says that its table holds."""

from __future__ import annotations

import datetime
import functools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from kami.tables import warehouse_name
from pipeline_io.recording import Recording, RecordingSchemas
from transforms.avro import choose_decoder
from transforms.change_log_lives import OneSource
from transforms.change_log_order import EventOrder
from transforms.change_log_rows import ChangeLog, LogBatch, LogCounts
from transforms.change_log_tables import TableNames

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
NAMES = sorted(path.parent.name for path in RECORDINGS.glob("*/records.jsonl"))
TYPES = [name for name in NAMES if "types" in name]
SHOPS = [name for name in NAMES if "types" not in name]
NOW = datetime.datetime(2026, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)

Row = dict[str, Any]


def change_log(name: str, database: str | None = None) -> ChangeLog:
    return ChangeLog(
        RecordingSchemas(str(RECORDINGS / name)),
        choose_decoder(),
        EventOrder(OneSource("shop")),
        TableNames(warehouse_name, database),
        lambda: NOW,
    )


def records(name: str, batch_size: int = 1_000_000) -> list[pa.RecordBatch]:
    return list(Recording(str(RECORDINGS / name)).batches(batch_size))


def rows_of(found: LogBatch) -> dict[str, list[Row]]:
    return {
        table: [row for batch in batches for row in batch.to_pylist()]
        for table, batches in found.rows.items()
    }


@functools.cache
def logged(name: str, batch_size: int = 100) -> tuple[dict[str, list[Row]], LogCounts]:
    """The rows of each table of a recording, and the counts of all of its batches."""
    log = change_log(name)
    tables: dict[str, list[Row]] = {}
    total = LogCounts()
    for batch in records(name, batch_size):
        found = log.process(batch)
        for table, rows in rows_of(found).items():
            tables.setdefault(table, []).extend(rows)
        for count in vars(total):
            setattr(total, count, getattr(total, count) + getattr(found.counts, count))
    return tables, total


def replayed(rows: list[Row]) -> dict[str, Row]:
    """The rows of the source's table by `_key`: of each key the newest `after`, by order key."""
    ordered = sorted(rows, key=lambda row: (row["_order_key"], row["_offset"]))
    newest: dict[str, tuple[str, Row]] = {}
    for row in ordered:
        if row["op"] == "t":
            newest.clear()
            continue
        after: Row = {} if row["after"] is None else json.loads(row["after"])
        for column in row["_missing_columns"]:
            earlier = newest.get(row["_key"]) or newest.get(_key_of(row["_old_key"]))
            assert earlier is not None, (row["_key"], column)
            after[column] = earlier[1][column]
        if row["after"] is not None:
            newest[row["_key"]] = ("", after)
        elif row["_new_key"] is None:
            newest.pop(row["_key"], None)
        else:
            # Its values are still asked for by the row under the new key.
            newest[row["_key"]] = ("moved", newest.get(row["_key"], ("", {}))[1])
    return {key: after for key, (state, after) in newest.items() if not state}


def _key_of(old_key: str | None) -> str:
    values = {} if old_key is None else json.loads(old_key)
    return json.dumps([str(values[name]) for name in sorted(values)], separators=(",", ":"))


def final(name: str) -> dict[str, list[Row]]:
    """What the database itself printed at the end."""
    if name in TYPES:
        tables = json.loads((RECORDINGS / name / "final.json").read_text())
    else:
        database = name.split("_")[0]
        tables = json.loads((RECORDINGS / f"final-{database}.json").read_text())
    return dict(tables)
