"""Canonical text: equal values have one text, different ones never do."""

from __future__ import annotations

import datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kami.reconcile_text import canonical_text


@pytest.mark.parametrize(
    ("bigquery_type", "values", "text"),
    [
        ("INT64", [7, pl.Series([7], dtype=pl.Int8), "7"], "7"),
        ("NUMERIC(10, 2)", [Decimal("12.50"), Decimal("12.5"), "12.500", 12.5], "12.5"),
        ("NUMERIC(10, 2)", [Decimal("-0.00"), "0", "0.0", "-0.0"], "0"),
        ("NUMERIC(10, 0)", [Decimal("100"), "100", 100, "1e2"], "100"),
        ("BIGNUMERIC(38, 20)", [Decimal("0.00000000000000000001")], "0." + "0" * 19 + "1"),
        ("FLOAT64", [0.1, Decimal("0.1"), "0.1"], "0.1"),
        ("FLOAT64", [0.0, -0.0], "0.0"),
        ("FLOAT64", [float("nan")], "NaN"),
        ("BOOL", [True], "1"),
        ("BYTES", [b"\x00\xff"], "AP8="),
        ("DATE", [datetime.date(1, 1, 1)], "0001-01-01"),
        ("TIME", [datetime.time(1, 2, 3, 40)], "01:02:03.000040"),
        ("STRING", ["Straße "], "Straße "),
        ("JSON", ['{"b": 1.0, "a": null}', '{"a":null,"b":1e0}'], '{"a":null,"b":{"":"1"}}'),
        ("JSON", ["no json"], "no json"),
        ("ARRAY<INT64>", [[1, 2]], '[{"":"1"},{"":"2"}]'),
    ],
)
def test_equal_values_have_one_text(bigquery_type: str, values: list[object], text: str) -> None:
    for value in values:
        series = value if isinstance(value, pl.Series) else pl.Series([value])
        assert canonical_text(series, bigquery_type).to_list() == [text]


def test_instants_are_the_same_in_every_zone() -> None:
    instant = pl.Series([datetime.datetime(2026, 1, 1, 1, 0, 0, 5, tzinfo=datetime.timezone.utc)])
    for zone in ("UTC", "Europe/Berlin"):
        texts = canonical_text(instant.dt.convert_time_zone(zone), "TIMESTAMP")
        assert texts.to_list() == ["2026-01-01T01:00:00.000005Z"]


@pytest.mark.parametrize("bigquery_type", ["INT64", "STRING", "NUMERIC", "DATE", "JSON", "BYTES"])
def test_null_has_no_text(bigquery_type: str) -> None:
    assert canonical_text(pl.Series([None]), bigquery_type).to_list() == [None]


def test_a_json_text_is_not_the_number_of_the_same_digits() -> None:
    texts = canonical_text(pl.Series(['"1"', "1", "true", '"true"']), "JSON").to_list()
    assert len(set(texts)) == 4


@given(st.decimals(-(10**12), 10**12, places=6), st.decimals(-(10**12), 10**12, places=6))
def test_decimals_have_one_text_exactly_when_they_are_equal(one: Decimal, other: Decimal) -> None:
    series = pl.Series([one, other], dtype=pl.Decimal(38, 6))
    texts = canonical_text(series, "NUMERIC(20, 6)").to_list()
    assert (texts[0] == texts[1]) == (one == other)
    assert [Decimal(text) for text in texts] == [one, other]
