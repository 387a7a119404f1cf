"""Schemas of change events: what is compatible, and what cannot be written."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import fastavro
import pyarrow as pa
import pytest

from tests.transforms.envelope_rows import (
    SOURCE,
    Registry,
    encoded,
    schema_of,
    source_rows,
    table_of,
)
from transforms.avro import choose_decoder, decode
from transforms.envelope_records import EnvelopeEncoder, EnvelopeError, EnvelopeTable

ROW = schema_of(pa.field("id", pa.int64()), pa.field("word", pa.string()))


def _keys(records: pa.RecordBatch, registry: Registry) -> list[Any]:
    values: Any = records.column("key")
    (group,) = decode(values, registry, choose_decoder("fastavro")).groups
    found: list[Any] = group.rows.to_pylist()
    return found


def test_a_row_whose_key_is_null_is_refused_and_the_others_are_written() -> None:
    registry = Registry()
    row = schema_of(pa.field("id", pa.int64()), pa.field("word", pa.string()))
    after: Any = pa.array(
        [{"id": 1}, {"id": None, "word": "lost"}, {"id": 3}], pa.struct(list(row))
    )
    encoder = EnvelopeEncoder(table_of(row), registry)
    ops, times = pa.array(["c"] * 3), pa.array([1] * 3)
    found = encoder.encode(None, after, ops, times, source_rows(3), 0)
    assert found.failures == [(1, "column 'id' of the key is NULL; expected a value")]
    assert _keys(found.records, registry) == [
        {"id": 1},
        {"id": 3},
    ]
    with pytest.raises(EnvelopeError, match=r"row 1 of a batch for shop\.public\.items: column"):
        encoder.records(None, after, ops, times, source_rows(3), 0)


def test_a_row_that_is_neither_before_nor_after_is_refused() -> None:
    encoder = EnvelopeEncoder(table_of(ROW), Registry())
    found = encoder.encode(None, None, pa.array(["u"]), pa.array([1]), source_rows(1), 0)
    assert found.records.num_rows == 0
    assert found.failures == [(0, "it has neither before nor after; expected a row")]


def test_a_new_column_is_a_new_schema_that_reads_the_records_before_it() -> None:
    registry = Registry()
    old = schema_of(pa.field("id", pa.int64(), nullable=False), pa.field("word", pa.string()))
    new = old.append(pa.field("price", pa.decimal128(10, 2), nullable=False))
    records = encoded([{"id": 1, "word": "ä"}], table_of(old), registry)
    encoded([{"id": 1, "word": "ä", "price": Decimal(1)}], table_of(new), registry)
    assert registry.subjects == [
        "shop.public.items-key",
        "shop.public.items-value",
        "shop.public.items-value",
    ]
    writer, reader = (fastavro.parse_schema(json.loads(text)) for text in registry.texts[1:])
    body = io.BytesIO(records.column("value")[0].as_py()[5:])
    found: Any = fastavro.schemaless_reader(body, writer, reader)
    assert found["after"] == {"id": 1, "word": "ä", "price": None}


def test_names_of_topics_become_names_of_avro() -> None:
    table = table_of(ROW, topic="pre-fix.2nd.order items")
    assert table.avro_namespace == "pre_fix._2nd.order_items"
    fastavro.parse_schema(json.loads(EnvelopeEncoder(table, Registry()).value_schema))


@pytest.mark.parametrize(
    ("row", "key", "told"),
    [
        (
            schema_of(pa.field("id", pa.int64()), pa.field("a-b", pa.string())),
            ("id",),
            "column 'a-b' is no name in Avro: expected letters, digits and _",
        ),
        (
            schema_of(pa.field("id", pa.int64()), pa.field("pair", pa.struct([]))),
            ("id",),
            r"column 'pair' is struct<> in Arrow, which change events have no type for",
        ),
        (
            schema_of(pa.field("id", pa.int64()), pa.field("n", pa.decimal128(5, -2))),
            ("id",),
            "column 'n' is decimal128.5, -2. in Arrow; expected a scale from 0",
        ),
        (schema_of(pa.field("id", pa.int64())), ("no",), "expected some of its columns: id"),
        (schema_of(pa.field("id", pa.int64())), (), "expected some of its columns: id"),
    ],
)
def test_a_table_that_cannot_be_written_says_why(
    row: pa.Schema, key: tuple[str, ...], told: str
) -> None:
    with pytest.raises(EnvelopeError, match=told):
        EnvelopeEncoder(EnvelopeTable("shop.items", "shop", "", row, key, SOURCE), Registry())
