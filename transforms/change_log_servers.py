"""Which servers wrote the events of a batch, and when each of them first did."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import NamedTuple, cast

import polars as pl
import pyarrow as pa

from transforms.avro import Decoder, SchemaSource, decode
from transforms.change_log_events import Kind, kind_of
from transforms.source_coordinates import coordinates, with_gtid_parts
from transforms.sql.source import polars_series


class Sighting(NamedTuple):
    """A server (GTID's uuid, or domain) and an event of it; `name` is the connector's prefix."""

    name: str
    identity: str | None
    ts_ms: int


def sightings(records: pa.RecordBatch, schemas: SchemaSource, decoder: Decoder) -> list[Sighting]:
    """The earliest event of each server in a batch, in no order. What cannot be decoded is left
    out: it is told of when it is read."""
    decoded = decode(cast("pa.BinaryArray", records.column("value")), schemas, decoder)
    frames = []
    for group in decoded.groups:
        if kind_of(group.rows.schema) not in (Kind.CHANGE, Kind.SCHEMA_CHANGE):
            continue
        source = polars_series(group.rows.column("source"))
        op = pl.Series("op", [None], dtype=pl.String).new_from_index(0, len(source))
        frame = with_gtid_parts(coordinates(source, op))
        frames.append(
            frame.group_by("name", "identity", maintain_order=True).agg(pl.col("ts_ms").min())
        )
    found = [row for frame in frames for row in frame.iter_rows()]
    return [
        Sighting(str(name), identity, int(ts_ms or 0))
        for name, identity, ts_ms in found
        if name is not None
    ]


def in_order(found: Iterable[Sighting]) -> list[tuple[str, datetime.datetime]]:
    """Servers by the time of their earliest event, each with it."""
    first: dict[str, int] = {}
    for each in found:
        if each.identity is not None:
            first[each.identity] = min(each.ts_ms, first.get(each.identity, each.ts_ms))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    ordered = sorted(first.items(), key=lambda item: (item[1], item[0]))
    return [(identity, epoch + datetime.timedelta(milliseconds=at)) for identity, at in ordered]


def names_of(found: Iterable[Sighting]) -> list[str]:
    """The connectors' prefixes, as they were met."""
    return list(dict.fromkeys(each.name for each in found))
