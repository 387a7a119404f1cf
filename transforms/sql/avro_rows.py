"""Rows of a sink as Avro, one Binary a row, as Flink's avro-confluent format writes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from transforms.sql.avro_row_schema import NAMESPACE, RECORD_NAME, avro_schema
from transforms.sql.avro_rows_pieces import Array, joined
from transforms.sql.avro_rows_values import Places, pieces_of
from transforms.sql.errors import SqlError, did_you_mean
from transforms.sql.types import Field, SqlType


class Encoded(NamedTuple):
    """Rows as a sink's format writes them.

    payload: Binary, NULL where the row was refused. failures: the row's number and why, in the
    order of the rows, one a row.
    """

    payload: pl.Series
    failures: list[tuple[int, str]]


class AvroRows:
    """Encodes rows of a sink, all of a batch at once.

    Args:
        columns: name and type, in the order of the record's fields.
        not_null: the columns that are declared NOT NULL.

    Raises SqlError: no columns, or a type or a name that Avro has not.
    """

    def __init__(
        self,
        columns: Sequence[tuple[str, SqlType]],
        record_name: str = RECORD_NAME,
        namespace: str = NAMESPACE,
        not_null: Collection[str] = (),
    ) -> None:
        if not columns:
            message = "an Avro record needs a column, got none: name the columns of the sink"
            raise SqlError(message)
        names = [name for name, _ in columns]
        for name in not_null:
            if name not in names:
                message = f"{name!r} is NOT NULL, but no column; {did_you_mean(name, names)}"
                raise SqlError(message)
        self.fields = tuple(
            Field(name, sql_type, nullable=name not in not_null) for name, sql_type in columns
        )
        schema = avro_schema(self.fields, record_name, namespace)
        self.schema_text = json.dumps(schema, separators=(",", ":"))

    def encode(self, rows: pl.DataFrame, schema_id: int | None) -> Encoded:
        """The rows, whose columns have the sink's names and the types `polars_type(type)`.

        Args:
            schema_id: of `schema_text`, for the Confluent wire format; None for Avro alone.
        """
        failures: dict[int, str] = {}

        def report(places: Places, messages: Sequence[str]) -> None:
            for place, message in zip(places.tolist(), messages, strict=True):
                failures.setdefault(place, message)

        present = np.ones(rows.height, np.bool_)
        pieces: list[Array] = []
        if schema_id is not None:
            header = b"\x00" + schema_id.to_bytes(4, "big")
            pieces.append(pa.repeat(pa.scalar(header, pa.large_binary()), rows.height))
        for field in self.fields:
            column = rows[field.name].to_arrow(compat_level=pl.CompatLevel.oldest())
            pieces += pieces_of(field, f"column {field.name!r}", column, present, report)
        payload = pl.Series("payload", joined(pieces, rows.height), pl.Binary)
        if failures:
            refused = pl.Series(list(failures), dtype=pl.Int64)
            payload = payload.scatter(refused, None)
        return Encoded(payload, sorted(failures.items()))
