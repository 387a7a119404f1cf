"""Decoded change events as batches of log rows."""

from __future__ import annotations

import datetime
from typing import Any, cast

import numpy as np
import polars as pl
import pyarrow as pa

from transforms.avro import DecodedGroup
from transforms.change_log_json import Rows, json_texts, object_texts
from transforms.change_log_keys import KeyColumns
from transforms.change_log_missing import missing_mask
from transforms.change_log_order import Order, Positions
from transforms.change_log_sources import (
    MYSQL_SOURCE,
    POSTGRESQL_SOURCE,
    TRANSACTION,
    as_type,
    log_schema,
    milliseconds,
    shaped,
)
from transforms.sql.source import polars_series

MYSQL_LOG = log_schema(MYSQL_SOURCE)
POSTGRESQL_LOG = log_schema(POSTGRESQL_SOURCE)


class LogWriter:
    """Writes the rows of one batch of records."""

    def __init__(
        self, records: pa.RecordBatch, keys: KeyColumns, order: Order, now: datetime.datetime
    ) -> None:
        self._records = records
        self._keys = keys
        self._order = order
        self._now = now
        self.topics = polars_series(records.column("topic"))

    def rows(self, group: DecodedGroup, rows: Positions, *, is_postgresql: bool) -> pa.RecordBatch:
        """The log rows (MYSQL_LOG or POSTGRESQL_LOG) of these rows of a group."""
        found, positions = group.rows, group.positions
        if len(rows) != found.num_rows:
            found, positions = found.take(pa.array(rows, pa.int64())), positions[rows]
        schema = POSTGRESQL_LOG if is_postgresql else MYSQL_LOG
        columns = {name: found.column(name) for name in found.schema.names}
        place = self._order.place[positions]
        count = found.num_rows
        after, missing = _row_texts(columns.get("after"), count, with_missing=is_postgresql)
        before, _ = _row_texts(columns.get("before"), count, with_missing=False)
        at = pa.array(positions, pa.int64())
        shape: Any = schema.field("source").type
        arrays = [
            _text(self._keys.text(positions) if "op" in columns else None, count),
            _text(self._keys.json(positions), count),
            before,
            after,
            as_type(columns.get("op"), pa.string(), count),
            milliseconds(columns.get("ts_ms"), count),
            shaped(columns.get("transaction"), TRANSACTION, count),
            as_type(columns.get("databaseName"), pa.string(), count),
            as_type(columns.get("ddl"), pa.string(), count),
            shaped(columns["source"], shape, count),
            _text(_gathered(self._order.keys, place), count),
            _text(_gathered(self._order.ids, place), count),
            pa.repeat(pa.scalar(self._now, pa.timestamp("us", tz="UTC")), count),
            self._records.column("topic").take(at),
            self._records.column("partition").take(at).cast(pa.int64()),
            self._records.column("offset").take(at),
            self._keys.old(positions),
            self._keys.new(positions),
            missing,
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _row_texts(column: Any, count: int, *, with_missing: bool) -> tuple[Any, Any]:
    """A row as JSON, and the names of its columns that the event lacks the value of."""
    nothing = pa.repeat(pa.scalar([], pa.list_(pa.string())), count)
    if not isinstance(column, pa.StructArray) or column.null_count == count:
        return pa.nulls(count, pa.string()), nothing
    rows = Rows(column)
    masks: dict[int, Any] = {}
    if with_missing:
        raw = (
            column if rows.positions is None else column.take(pa.array(rows.positions, pa.int64()))
        )
        for number, child in enumerate(raw.flatten()):
            mask = missing_mask(rows.columns[number], child)
            if mask is not None:
                masks[number] = mask
    if not masks:
        return _text(json_texts(rows), count), nothing
    return _without_missing(rows, masks, count)


def _without_missing(rows: Rows, masks: dict[int, Any], count: int) -> tuple[Any, Any]:
    """Rows are written together that lack the same columns; there are few such sets."""
    numbers = list(masks)
    table = np.stack([masks[number] for number in numbers], axis=1)
    sets, which = np.unique(table, axis=0, return_inverse=True)
    texts = np.empty(rows.count, object)
    missing: list[list[str]] = [[] for _ in range(rows.count)]
    for row, pattern in enumerate(sets):
        places = np.flatnonzero(which.reshape(-1) == row)
        absent = {number for number, is_missing in zip(numbers, pattern, strict=True) if is_missing}
        kept = [number for number in range(len(rows.fields)) if number not in absent]
        names = [rows.fields[number].name for number in kept]
        columns = [rows.columns[number].take(pa.array(places, pa.int64())) for number in kept]
        texts[places] = object_texts(names, columns, len(places)).to_numpy()
        for place in places.tolist() if absent else ():
            missing[place] = [rows.fields[number].name for number in sorted(absent)]
    json = rows.spread(pl.Series("", texts.tolist(), dtype=pl.String))
    spread: list[list[str]] = [[] for _ in range(count)]
    for place, names in zip(
        range(count) if rows.positions is None else rows.positions.tolist(), missing, strict=True
    ):
        spread[place] = names
    return _text(json, count), pa.array(spread, pa.list_(pa.string()))


def _gathered(values: pl.Series, place: Positions) -> pl.Series:
    if len(place) == len(values) and np.array_equal(place, np.arange(len(place))):
        return values
    return values.gather(place)


def _text(values: pl.Series | None, count: int) -> Any:
    if values is None:
        return pa.nulls(count, pa.string())
    return cast("Any", values.alias("").to_arrow(compat_level=pl.CompatLevel.oldest())).cast(
        pa.string()
    )
