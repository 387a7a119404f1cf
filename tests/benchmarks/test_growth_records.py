"""Records made in columns are what an Avro writer makes of the same values."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.growth_records import (
    FIRST_ID,
    FIRST_MOMENT,
    Template,
    VariedRecords,
    big_endian,
    cents,
    varints,
)
from tests.benchmarks.job_speed import parsed_schema, recorded


def _schema(value: bytes) -> Any:
    return parsed_schema(int.from_bytes(value[1:5], "big"))


def _templates() -> tuple[VariedRecords, list[bytes]]:
    values: list[Any] = recorded().column("value").to_pylist()
    keys: list[Any] = recorded().column("key").to_pylist()
    made = VariedRecords(
        [None if key is None else Template(key, _schema(key)) for key in keys],
        [Template(value, _schema(value)) for value in values],
    )
    return made, values


def _read(value: bytes) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), _schema(value), None)


@given(st.lists(st.integers(1 << 27, (1 << 34) - 1), min_size=1))
def test_a_long_of_known_length_has_the_bytes_of_avro(numbers: list[int]) -> None:
    rows = varints(np.array(numbers, np.uint64), 5)
    for number, row in zip(numbers, rows, strict=True):
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, "long", number)
        assert row.tobytes() == buffer.getvalue()


@pytest.mark.parametrize("number", [(1 << 27) - 1, 1 << 34])
def test_a_long_of_another_length_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"{number} has"):
        varints(np.array([number], np.uint64), 5)


def test_the_last_bytes_of_a_number_come_highest_first() -> None:
    assert big_endian(np.array([0x0A0B0C], np.uint64), 3).tobytes() == b"\x0a\x0b\x0c"


@given(st.integers(0, 10**8))
def test_each_record_is_its_recorded_one_but_for_the_values_that_vary(start: int) -> None:
    varied, templates = MADE
    keys, values = varied.block(start, 5)
    for place, (key, value) in enumerate(zip(keys, values, strict=True)):
        number = start + place
        expected = _read(templates[number % len(templates)])
        price = Decimal(int(cents(np.array([number], np.uint64))[0])).scaleb(-2)
        for name in ("before", "after"):
            if row := expected[name]:
                row["id"] = FIRST_ID + number
                row["created_at"] = FIRST_MOMENT + number * 1_000_003
                row["price"] = None if row["price"] is None else price
        assert _read(value) == expected
        assert key is None or _read(key) == {"id": FIRST_ID + number}


def test_a_block_goes_on_where_the_one_before_it_ended() -> None:
    varied, _ = MADE
    whole = varied.block(0, 1_000)
    first, second = varied.block(0, 617), varied.block(617, 383)
    assert whole == (first[0] + second[0], first[1] + second[1])


MADE = _templates()
