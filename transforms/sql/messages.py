"""What a branch hands to its sink: payloads, and what messages have beside them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from transforms.avro import Decoded, DecodedGroup
from transforms.sink_rows import ATTRIBUTES, SINK_ROWS, records_at, sink_rows
from transforms.sql.sink_format import KEY, PAYLOAD
from transforms.sql.source import POSITION, polars_series
from transforms.sql.source_envelope import is_envelope
from transforms.sql.tables import Table

_COMPUTED = ("event_id", "order_key")
_TEXTS = dict.fromkeys(ATTRIBUTES, pl.String())


def wanted_attributes(sink: Table) -> tuple[str, ...]:
    """The attributes that the messages of a sink have; none if it is no sink of messages."""
    if sink.connector.wants is not None:
        return sink.connector.wants(sink.options)
    names = sink.options.get("sink.headers")
    if names is not None:
        return tuple(name for name in ATTRIBUTES if name in str(names).split(";"))
    return ATTRIBUTES if sink.options.get("sink.attributes") else ()


class Attributes:
    """The attributes of all events of a batch.

    metadata: gives `event_id` and `order_key` of the rows of a group, a group of envelopes.
    wanted: the attributes that some sink asks for; the others are NULL.
    """

    def __init__(
        self,
        decoded: Decoded,
        metadata: Callable[[DecodedGroup, str], pl.Series],
        wanted: Collection[str],
    ) -> None:
        parts = [_of_group(group, metadata, wanted) for group in decoded.groups]
        schema = {POSITION: pl.Int64(), **_TEXTS}
        self._frame = pl.concat([pl.DataFrame(schema=schema), *parts])
        if len(parts) > 1:
            self._frame = self._frame.sort(POSITION)

    def at(self, positions: pl.Series, names: Collection[str]) -> pa.StructArray:
        """The attributes of the records at these positions, as far as named."""
        places = self._frame[POSITION].search_sorted(positions)
        columns: list[pa.Array[Any]] = [
            self._frame[name].gather(places).to_arrow(compat_level=pl.CompatLevel.oldest())
            if name in names
            else pa.nulls(len(positions), pa.string())
            for name in ATTRIBUTES
        ]
        texts = [column.cast(pa.string()) for column in columns]
        return pa.StructArray.from_arrays(texts, fields=list(SINK_ROWS.field("attributes").type))


def _of_group(
    group: DecodedGroup, metadata: Callable[[DecodedGroup, str], pl.Series], wanted: Collection[str]
) -> pl.DataFrame:
    columns: dict[str, object] = {POSITION: group.positions}
    if is_envelope(group.rows.schema):
        columns |= {name: metadata(group, name) for name in _COMPUTED if name in wanted}
        if "op" in wanted:
            columns["op"] = polars_series(group.rows.column("op"))
        source: Any = group.rows.column("source")
        place = source.type.get_field_index("table")
        if "table" in wanted and place >= 0:
            columns["table"] = polars_series(source.flatten()[place])
    frame = pl.DataFrame(columns)
    missing = [name for name in ATTRIBUTES if name not in columns]
    nothing = [pl.lit(None, pl.String()).alias(name) for name in missing]
    return frame.with_columns(nothing).select(POSITION, *ATTRIBUTES)


def sink_batch(
    frames: Sequence[pl.DataFrame],
    records: pa.RecordBatch,
    sink: Table,
    attributes: Attributes | None,
) -> pa.RecordBatch:
    """The rows of all writer schemas (POSITION, PAYLOAD, KEY) in the order of their records, as
    SINK_ROWS."""
    # One without rows may have other columns: its payload is of no format.
    frames = [frame for frame in frames if frame.height]
    if not frames:
        return sink_rows(pa.array([], pa.large_binary()))
    rows = frames[0]
    if len(frames) > 1:
        rows = pl.concat(frames).sort(POSITION, maintain_order=True)
    payload = payload_column(rows[PAYLOAD])
    if not sink.connector.messages:
        return sink_rows(payload)
    names = wanted_attributes(sink)
    return sink_rows(
        payload,
        binary_column(rows[KEY]) if KEY in rows.columns else None,
        attributes.at(rows[POSITION], names) if attributes is not None and names else None,
        records_at(records, rows[POSITION].to_numpy()),
    )


def payload_column(values: pl.Series) -> pa.Array[Any]:
    """Encoded rows as SINK_ROWS has them, or a struct of a row's columns as it is."""
    if values.dtype == pl.Struct:
        struct: pa.Array[Any] = values.to_arrow(compat_level=pl.CompatLevel.oldest())
        return struct
    return binary_column(values)


def binary_column(values: pl.Series) -> pa.Array[Any]:
    """Encoded rows or keys as SINK_ROWS has them, large_binary."""
    column: pa.Array[Any] = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    return column.cast(pa.large_binary())
