"""Keys as texts, and digests of rows."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.audit_digest import key_columns, key_texts, row_digests

INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES = {
    pa.int64(): INT64,
    pa.string(): st.text(),
    pa.binary(): st.binary(),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(),
    pa.timestamp("us"): st.datetimes(),
    pa.timestamp("us", "UTC"): st.datetimes(timezones=st.just(datetime.timezone.utc)),
    pa.decimal128(20, 5): st.decimals(-(10**14), 10**14, places=5),
    pa.decimal256(50, 5): st.decimals(-(10**14), 10**14, places=5),
}


@pytest.mark.parametrize("kind", VALUES, ids=str)
@given(data=st.data())
def test_a_key_is_the_same_after_its_text(kind: pa.DataType, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[kind], min_size=1, max_size=4))
    fields = [pa.field("a", kind), pa.field("b", pa.string())]
    words = pa.array(['x","y'] * len(values))
    batch = pa.RecordBatch.from_arrays([pa.array(values, kind), words], schema=pa.schema(fields))

    texts = key_texts(batch, ["a", "b"])

    assert [column.to_pylist() for column in key_columns(texts, fields)] == [
        column.to_pylist() for column in batch.columns
    ]


ROWS = st.lists(
    st.tuples(st.none() | st.text(max_size=3), st.none() | st.binary(max_size=3)),
    min_size=1,
    max_size=6,
)


@given(ROWS)
def test_rows_have_the_same_digest_when_they_are_the_same_and_only_then(
    rows: list[tuple[Any, ...]],
) -> None:
    columns = list(zip(*rows, strict=True))
    batch = pa.record_batch({"a": pa.array(columns[0], pa.string()), "b": columns[1]})
    digests = row_digests(batch)
    for one, first in zip(rows, digests, strict=True):
        for other, second in zip(rows, digests, strict=True):
            assert (one == other) == (first == second)


def test_a_digest_is_the_same_in_every_version() -> None:
    batch = pa.record_batch(
        {
            "id": pa.array([1, 2], pa.int32()),
            "price": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
            "half": pa.array([0.1, float("nan")]),
            "at": pa.array([0, None], pa.timestamp("us", "UTC")),
            "words": pa.array([["a", None], []], pa.list_(pa.string())),
        }
    )
    assert row_digests(batch) == DIGESTS
    assert row_digests(batch.rename_columns(["id", "cost", "half", "at", "words"])) != DIGESTS


DIGESTS = ["d4fd15245e6bd7103db2025ce89c430d", "90500dc2a227fe4a0435a5423bdcfcde"]
