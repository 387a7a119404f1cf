"""Order keys and ids of the change events of a batch, partition by partition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from transforms.avro import DecodedGroup
from transforms.change_log_json import arrow_texts
from transforms.change_log_lives import Life, OneSource
from transforms.change_log_sources import SOURCE_SHAPES
from transforms.change_log_texts import Array, constant, without_first
from transforms.change_log_usual import usual_events, usual_keys
from transforms.change_log_usual_ids import usual_ids
from transforms.event_id import event_ids
from transforms.order_key import order_keys
from transforms.source_coordinates import COORDINATE_FIELDS, POSTGRESQL
from transforms.sql.source import polars_series

Positions = npt.NDArray[np.int64]
Partition = tuple[str, int]

_HEADER_BYTES = 5
"""The magic byte and the schema id, which are no part of what a key says."""
_POSITION = "__position"


class Order(NamedTuple):
    """The order key, its error and the id of each event (String each), by place: the row of a
    position. No errors (None) is the usual thing."""

    keys: Array
    errors: pl.Series | None
    ids: Array
    place: Positions


class EventOrder:
    """Gives order keys and ids; carries the newest key of each partition from batch to batch,
    which is right as long as the batches of a partition come in order.

    stored: the newest order key that is stored of the records before an offset of a partition;
    asked once a partition, if at all: only a snapshot's row without coordinates needs it.
    """

    def __init__(
        self,
        incarnations: OneSource,
        stored: Callable[[Partition, int], str | None] = lambda partition, offset: None,
    ) -> None:
        self.incarnations = incarnations
        self.newest: dict[Partition, str | None] = {}
        self.new_lives: list[Life] = []
        self._stored = stored
        self._first: dict[Partition, int] = {}

    def take_new_lives(self) -> list[Life]:
        """The lives that were met first since the last call: to be stored before the rows are."""
        lives, self.new_lives = self.new_lives, []
        return lives

    def of_groups(self, records: pa.RecordBatch, groups: Sequence[DecodedGroup]) -> Order:
        """The order of all events of these groups, which are envelopes or schema changes."""
        usual = self._usual(records, groups[0]) if len(groups) == 1 else None
        if usual is not None:
            return usual
        parts = [_fields(group) for group in groups]
        frame = parts[0] if len(parts) == 1 else pl.concat(parts, how="diagonal_relaxed")
        if len(parts) > 1:
            frame = frame.sort(_POSITION)
        positions: Positions = frame[_POSITION].to_numpy()
        whole = len(positions) == records.num_rows
        taken = records.select(["topic", "partition", "key", "offset"])
        if not whole:
            taken = taken.take(pa.array(positions, pa.int64()))
        frame = frame.with_columns(
            polars_series(taken.column("topic")).alias("__topic"),
            polars_series(taken.column("partition")).alias("__partition"),
            polars_series(taken.column("key")).alias("__key"),
            polars_series(taken.column("offset")).alias("__offset"),
        )
        if frame["__topic"].n_unique() == 1 and frame["__partition"].n_unique() == 1:
            found = self._of_partition(frame)
        else:
            split = frame.partition_by("__topic", "__partition", maintain_order=True)
            found = pl.concat([self._of_partition(part) for part in split]).sort(_POSITION)
        place = np.full(records.num_rows, -1, np.int64)
        place[positions] = np.arange(len(positions))
        return Order(arrow_texts(found["key"]), found["error"], arrow_texts(found["id"]), place)

    def _usual(self, records: pa.RecordBatch, group: DecodedGroup) -> Order | None:
        """The same of a group that is like nearly all; None where it is not."""
        rows, positions = group.rows, group.positions
        topic, numbers = constant(records.column("topic")), records.column("partition").to_numpy()
        if not isinstance(topic, str) or not rows.num_rows or (numbers != numbers[0]).any():
            return None
        if "op" not in rows.schema.names or "ddl" in rows.schema.names:
            return None
        events = usual_events(rows.column("source"), rows.column("op"), self.incarnations)
        key: Any = records.column("key")
        if len(positions) < records.num_rows:
            key = key.take(pa.array(positions, pa.int64()))
        body = _key_body(key)
        if events is None or body is None:
            return None
        partition = (topic, int(numbers[0]))
        offset = int(records.column("offset")[int(positions[0])].as_py())
        newest = self._newest(partition, offset, has_snapshot=bool(events.is_snapshot.any()))
        keys, self.newest[partition] = usual_keys(events, newest)
        by_hand = self.incarnations.counted_by_hand("")
        ids = usual_ids(events, _total_order(group), body, by_hand)
        place = np.full(records.num_rows, -1, np.int64)
        place[positions] = np.arange(len(positions))
        return Order(keys, None, ids, place)

    def _of_partition(self, rows: pl.DataFrame) -> pl.DataFrame:
        partition = (str(rows["__topic"][0]), int(rows["__partition"][0]))
        refused = None
        if "s.gtid" in rows.columns and "s.ts_ms" in rows.columns:
            refused = self.incarnations.refused(rows["s.gtid"], rows["s.ts_ms"])
        if refused is None:
            return self._ordered(partition, rows)
        # What cannot be placed must not move the newest key of its partition either.
        good = self._ordered(partition, rows.filter(refused.is_null()))
        bad = rows.with_columns(error=refused).filter(pl.col("error").is_not_null())
        nothing = pl.lit(None, pl.String)
        errors = bad.select(_POSITION, key=nothing, error="error", id=nothing)
        return pl.concat([good, errors]).sort(_POSITION)

    def _ordered(self, partition: Partition, rows: pl.DataFrame) -> pl.DataFrame:
        if rows.height == 0:
            texts = dict.fromkeys(("key", "error", "id"), pl.String)
            return pl.DataFrame(schema={_POSITION: pl.Int64, **texts})
        source = rows.select(pl.col("^s\\..*$").name.map(lambda name: name[2:]))
        op = rows["op"]
        named = source.with_columns(name=pl.lit(self.incarnations.source)).to_struct("source")
        has_snapshot = bool((op == "r").any())
        newest = self._newest(partition, int(rows["__offset"][0]), has_snapshot=has_snapshot)
        keys = order_keys(named, op, self.incarnations, newest)
        self.newest[partition] = keys.newest
        ts_ms = source["ts_ms"] if "ts_ms" in source.columns else _nothing(rows.height)
        self.new_lives += self.incarnations.take_lives(keys.order_key, ts_ms)
        transaction = rows["transaction"] if "transaction" in rows.columns else None
        ids = event_ids(
            source.to_struct("source"), op, transaction, _key_bodies(rows), self.incarnations
        )
        columns = {_POSITION: rows[_POSITION], "key": keys.order_key, "error": keys.errors}
        return pl.DataFrame({**columns, "id": ids})

    def _newest(self, partition: Partition, offset: int, *, has_snapshot: bool) -> str | None:
        """The newest key of the records before the one at this offset."""
        newest = self.newest.get(partition)
        first = self._first.setdefault(partition, offset)
        if first <= 0 or not has_snapshot:
            return newest
        # Below 0: it has been asked.
        self._first[partition] = -1
        return max(filter(None, (newest, self._stored(partition, first))), default=None)


def _nothing(count: int) -> pl.Series:
    nothing: pl.Series = pl.Series("", [None], dtype=pl.Int64).new_from_index(0, count)
    return nothing


def _key_body(key: Any) -> Any | None:
    """Keys (Binary) without their wire format's header; None where some have none."""
    there = key.drop_null() if key.null_count else key
    starts: Any = pc.starts_with(there, "\x00")
    if starts.true_count < len(there):
        return None
    return without_first(key, _HEADER_BYTES)


def _total_order(group: DecodedGroup) -> Any | None:
    names = group.rows.schema.names
    transaction: Any = group.rows.column("transaction") if "transaction" in names else None
    if not isinstance(transaction, pa.StructArray) or transaction.null_count == len(transaction):
        return None
    return pc.struct_field(transaction, "total_order").cast(pa.int64())


def _key_bodies(rows: pl.DataFrame) -> pl.Series:
    """Keys without their wire format's header; statements add their text, since those of a
    snapshot share one position."""
    key = pl.col("__key")
    body = pl.when(key.bin.starts_with(b"\x00")).then(key.bin.slice(_HEADER_BYTES)).otherwise(key)
    if "ddl" not in rows.columns:
        return rows.select(body).to_series()
    ddl = pl.col("ddl")
    text = rows.select(
        pl.when(ddl.is_null()).then(pl.lit(b"")).otherwise(ddl.cast(pl.Binary))
    ).to_series()
    bodies = rows.select(body).to_series()
    # Binary columns know no concatenation; there are few statements.
    joined = [
        body if not more else (body or b"") + more for body, more in zip(bodies, text, strict=True)
    ]
    return pl.Series("", joined, dtype=pl.Binary)


def _fields(group: DecodedGroup) -> pl.DataFrame:
    """op, the fields of `source` as `s.name`, `transaction`, and `ddl` where there is one."""
    rows = group.rows
    names = rows.schema.names
    source: Any = rows.column("source")
    columns = {_POSITION: pl.Series(group.positions)}
    columns |= {
        f"s.{field.name}": polars_series(values)
        for field, values in zip(source.type, source.flatten(), strict=True)
        if field.name in COORDINATE_FIELDS
    }
    for name in ("op", "ddl"):
        if name in names:
            columns[name] = polars_series(rows.column(name))
    if "op" not in columns:
        columns["op"] = pl.Series([None], dtype=pl.String).new_from_index(0, rows.num_rows)
    if "transaction" in names and pa.types.is_struct(rows.schema.field("transaction").type):
        if rows.column("transaction").null_count < rows.num_rows:
            columns["transaction"] = polars_series(rows.column("transaction"))
    return pl.DataFrame(columns)


def connector_of(group: DecodedGroup) -> str:
    """Whose events a group's are, as SOURCE_SHAPES has it: each has a log of its own shape."""
    source: Any = group.rows.schema.field("source").type
    if "lsn" in {field.name for field in source}:
        return POSTGRESQL
    found = _connector(group) if group.rows.num_rows else None
    return found if isinstance(found, str) and found in SOURCE_SHAPES else "mysql"


def _connector(group: DecodedGroup) -> object:
    source: Any = group.rows.column("source")
    index = source.type.get_field_index("connector")
    return source.field(index)[0].as_py() if index >= 0 else None
