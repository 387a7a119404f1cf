"""Decoded change events as batches of log rows."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from transforms.avro import DecodedGroup
from transforms.change_log_json import Rows, arrow_texts, json_column, object_texts
from transforms.change_log_keys import KeyColumns
from transforms.change_log_missing import missing_mask
from transforms.change_log_order import Order, Positions
from transforms.change_log_sources import (
    SOURCE_SHAPES,
    TRANSACTION,
    as_type,
    log_schema,
    milliseconds,
    nulls,
    shaped,
)
from transforms.change_log_texts import Array
from transforms.source_coordinates import POSTGRESQL
from transforms.sql.source import polars_series

_FEW_BYTES = 2**26

LOGS = {connector: log_schema(shape) for connector, shape in SOURCE_SHAPES.items()}
"""The columns of log rows by the connector that their events come from."""


def connector_of_log(schema: pa.Schema) -> str:
    """The first connector of LOGS whose log has these columns."""
    return next(connector for connector, log in LOGS.items() if log.equals(schema))


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

    def rows(self, group: DecodedGroup, rows: Positions, connector: str) -> pa.RecordBatch:
        """The log rows (LOGS[connector]) of these rows of a group."""
        found, positions = group.rows, group.positions
        if len(rows) != found.num_rows:
            found, positions = found.take(pa.array(rows, pa.int64())), positions[rows]
        schema = LOGS[connector]
        columns = {name: found.column(name) for name in found.schema.names}
        place = self._order.place[positions]
        count = found.num_rows
        before, after, missing = _row_texts(
            columns.get("before"), columns.get("after"), count, with_missing=connector == POSTGRESQL
        )
        at = pa.array(positions, pa.int64())
        shape: Any = schema.field("source").type
        arrays = [
            self._keys.text(positions) if "op" in columns else nulls(count, pa.string()),
            self._keys.json(positions),
            before,
            after,
            as_type(columns.get("op"), pa.string(), count),
            milliseconds(columns.get("ts_ms"), count),
            shaped(columns.get("transaction"), TRANSACTION, count),
            as_type(columns.get("databaseName"), pa.string(), count),
            as_type(columns.get("ddl"), pa.string(), count),
            shaped(columns["source"], shape, count),
            _gathered(self._order.keys, place),
            _gathered(self._order.ids, place),
            pa.repeat(pa.scalar(self._now, pa.timestamp("us", tz="UTC")), count),
            self._records.column("topic").take(at),
            self._records.column("partition").take(at).cast(pa.int64()),
            self._records.column("offset").take(at),
            self._keys.old(positions),
            self._keys.new(positions),
            missing,
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _row_texts(
    before: Any, after: Any, count: int, *, with_missing: bool
) -> tuple[Array, Array, Array]:
    """The rows before and after as JSON, and the names of the columns that the event lacks the
    value of."""
    if (
        _is_all_null(before)
        or _is_all_null(after)
        or with_missing
        or not _go_together(before, after)
    ):
        texts, missing = _texts(after, count, with_missing=with_missing)
        return _texts(before, count, with_missing=False)[0], texts, missing
    both, missing = _texts(pa.concat_arrays([before, after]), 2 * count, with_missing=False)
    return both.slice(0, count), both.slice(count), missing.slice(count)


def _is_all_null(column: Any) -> bool:
    return not isinstance(column, pa.StructArray) or column.null_count == len(column)


def _go_together(before: Any, after: Any) -> bool:
    """Whether both are converted in one go: a column costs about as much for few rows as for many,
    and Arrow's texts end at 2 GB."""
    is_small: bool = before.nbytes + after.nbytes < _FEW_BYTES
    return is_small and before.type.equals(after.type, check_metadata=True)


def _texts(column: Any, count: int, *, with_missing: bool) -> tuple[Array, Array]:
    """Rows as JSON, and the names of their columns that the event lacks the value of."""
    if _is_all_null(column):
        return nulls(count, pa.string()), _empty_lists(count)
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
        return json_column(rows), _empty_lists(count)
    return _without_missing(rows, masks, count)


def _empty_lists(count: int) -> Array:
    """Lists of texts, all empty: `pa.repeat` takes a hundred times as long for these."""
    offsets = pa.array(np.zeros(count + 1, np.int32), pa.int32())
    lists: Array = pa.ListArray.from_arrays(offsets, pa.array([], pa.string()))
    return lists


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
    return arrow_texts(json), pa.array(spread, pa.list_(pa.string()))


def _gathered(values: Array, place: Positions) -> Array:
    if len(place) == len(values) and np.array_equal(place, np.arange(len(place))):
        return values
    return values.take(pa.array(place, pa.int64()))
