"""Changes of Spanner's change streams as change events in Debezium's shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from transforms.change_log_sources import SPANNER_SOURCE
from transforms.envelope_records import EnvelopeEncoder, EnvelopeTable, Registrar
from transforms.source_coordinates import SPANNER
from transforms.spanner_columns import Column, SpannerChangeError, columns_of, rows_of

_OPS = {"INSERT": "c", "UPDATE": "u", "DELETE": "d"}


@dataclasses.dataclass(frozen=True)
class StreamPlace:
    """Where changes come from. name: the prefix of topics, the source's name in events."""

    name: str
    version: str
    project: str
    instance: str
    database: str
    stream: str


class SpannerEvents:
    """Makes records of change events from changes of rows.

    A table's columns are those of its latest change that tells all of them; a delete's record has
    the columns of the table, too.

    Args:
        first_columns: of each table, as it is when reading begins.
        next_offset: of a topic's partition.
    """

    def __init__(
        self,
        place: StreamPlace,
        registrar: Registrar,
        next_offset: Callable[[str, int], int],
        first_columns: dict[str, tuple[Column, ...]] | None = None,
    ) -> None:
        self._place = place
        self._registrar = registrar
        self._next_offset = next_offset
        self._columns = dict(first_columns or {})
        self._encoders: dict[tuple[str, tuple[Column, ...]], EnvelopeEncoder] = {}

    def records(self, mods: pa.RecordBatch, now_ms: int) -> Iterator[pa.RecordBatch]:
        """The records (RECORD_SCHEMA) of changes, each batch of one topic; those of a table in
        their order.

        Args:
            mods: commit_us, sequence, mod_number (Int64, text, Int64: the place in the log), table,
                column_types, mod_type, keys, new_values, old_values, server_transaction_id,
                transaction_tag, is_system_transaction.
            now_ms: when they were read, milliseconds since 1970.

        Raises SpannerChangeError, and what the registrar raises.
        """
        frame = pl.DataFrame(pl.from_arrow(mods))
        for (table,), of_table in frame.group_by("table", maintain_order=True):
            # A table that was altered has changes with other columns before, and behind.
            runs = of_table.with_columns(run=pl.col("column_types").rle_id())
            for _, changes in runs.group_by("run", maintain_order=True):
                yield self._encoded(str(table), changes, now_ms)

    def topic(self, table: str) -> str:
        """The topic of a table's changes."""
        return f"{self._place.name}.{table}"

    def _encoded(self, table: str, changes: pl.DataFrame, now_ms: int) -> pa.RecordBatch:
        columns = self._columns_of(table, changes)
        encoder = self._encoder(table, columns)
        is_delete = pl.col("mod_type") == "DELETE"
        has_old = pl.col("old_values") != "{}"
        texts = changes.select(
            after=pl.when(~is_delete).then(_merged("keys", "new_values")),
            # Of a column that is there twice the first counts: old values tell those that changed.
            before=pl.when(is_delete | (has_old & (pl.col("mod_type") == "UPDATE"))).then(
                _merged("keys", "old_values", "new_values")
            ),
            op=pl.col("mod_type").replace_strict(_OPS, default=None),
        )
        if texts["op"].null_count():
            unknown = changes.filter(texts["op"].is_null())["mod_type"][0]
            message = (
                f"a change of {table} has the mod_type {unknown!r}; expected {', '.join(_OPS)}"
            )
            raise SpannerChangeError(message)
        encoded = encoder.encode(
            rows_of(texts["before"], columns, table),
            rows_of(texts["after"], columns, table),
            texts["op"].to_arrow().cast(pa.string()),
            pa.repeat(pa.scalar(now_ms, pa.int64()), len(changes)),
            self._source(table, changes),
            self._next_offset(self.topic(table), 0),
        )
        if encoded.failures:
            row, why = encoded.failures[0]
            message = f"the change of {table} with the keys {changes['keys'][row]}: {why}"
            raise SpannerChangeError(message)
        return encoded.records

    def _columns_of(self, table: str, changes: pl.DataFrame) -> tuple[Column, ...]:
        told = columns_of(changes["column_types"][0], table)
        known = self._columns.get(table, ())
        if (changes["mod_type"] == "DELETE").all():
            # A delete may tell of fewer.
            own = {one.name: one for one in told}
            kept = [own.pop(one.name, one) for one in known]
            told = (*kept, *own.values())
        self._columns[table] = told
        return told

    def _encoder(self, table: str, columns: tuple[Column, ...]) -> EnvelopeEncoder:
        known = self._encoders.get((table, columns))
        if known is not None:
            return known
        described = EnvelopeTable(
            self.topic(table),
            self._place.name,
            "",
            pa.schema([one.field for one in columns]),
            tuple(one.name for one in columns if one.is_key),
            SPANNER_SOURCE,
        )
        made = self._encoders[table, columns] = EnvelopeEncoder(described, self._registrar)
        return made

    def _source(self, table: str, changes: pl.DataFrame) -> pa.StructArray:
        schema, _, name = table.rpartition(".")
        place = self._place
        constants = {
            "version": place.version,
            "connector": SPANNER,
            "name": place.name,
            "snapshot": "false",
            "db": place.database,
            "schema": schema or None,
            "table": name,
            "project_id": place.project,
            "instance_id": place.instance,
            "change_stream_name": place.stream,
        }
        own = [
            *("sequence", "mod_number", "server_transaction_id"),
            *("transaction_tag", "is_system_transaction"),
        ]
        source = changes.select(
            *(pl.lit(value, pl.String).alias(name) for name, value in constants.items()),
            pl.col("commit_us").alias("ts_us"),
            (pl.col("commit_us") // 1000).alias("ts_ms"),
            *own,
        )
        found: Any = source.to_arrow()
        columns = [
            found.column(field.name).combine_chunks().cast(field.type) for field in SPANNER_SOURCE
        ]
        return pa.StructArray.from_arrays(columns, fields=list(SPANNER_SOURCE))


def _merged(*names: str) -> pl.Expr:
    """The members of several JSON objects in one."""
    inner: Sequence[pl.Expr] = [
        pl.col(name).str.strip_chars().str.slice(1).str.head(-1).str.strip_chars() for name in names
    ]
    filled = [pl.when(one != "").then(one) for one in inner]
    joined = pl.concat_str(filled, separator=",", ignore_nulls=True)
    return pl.concat_str(pl.lit("{"), joined, pl.lit("}"))
