"""The canonical text of a key: the reference, and its SQL."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from kami.keys import decimal_text, key_text
from kami.schema import Dialect, SourceColumn
from kami.types import warehouse_type
from kami.warehouse import literal
from kami.warehouse_duckdb import DuckDbWarehouse

UTC = datetime.timezone.utc
SCALARS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(),
    st.booleans(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
)


def test_columns_are_in_the_order_of_their_names() -> None:
    assert key_text({"id": 167, "a": "x"}) == '["x","167"]'


@given(st.dictionaries(st.text(max_size=5), SCALARS, min_size=1))
def test_a_key_is_an_array_of_texts_whatever_is_in_it(values: dict[str, object]) -> None:
    texts = json.loads(key_text(values))
    assert len(texts) == len(values)
    assert all(isinstance(text, str) for text in texts)


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_different_keys_have_different_texts(one: tuple[str, str], other: tuple[str, str]) -> None:
    same = key_text({"a": one[0], "b": one[1]}) == key_text({"a": other[0], "b": other[1]})
    assert same == (one == other)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4), st.integers(0, 9))
def test_a_decimals_scale_is_no_part_of_its_key(value: Decimal, zeros: int) -> None:
    assert decimal_text(value) == decimal_text(Decimal(f"{value:f}" + "0" * zeros))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "1"),
        (Decimal("-0.00"), "0"),
        (Decimal("1E+3"), "1000"),
        (1.5, "1.5"),
        (b"\x00\xff", "AP8="),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 600000, UTC), "2026-01-02T03:04:05.6Z"),
        (datetime.time(3, 4, 5), "03:04:05"),
        (datetime.timedelta(hours=-838, minutes=-59, seconds=-59), "-838:59:59"),
    ],
)
def test_each_type_has_one_text(value: object, expected: str) -> None:
    assert json.loads(key_text({"a": value})) == [expected]


def test_null_is_in_no_key() -> None:
    with pytest.raises(TypeError, match=r"'id' is None.*name other key columns"):
        key_text({"id": None})


@pytest.fixture(scope="module")
def warehouse() -> DuckDbWarehouse:
    return DuckDbWarehouse(":memory:")


CASES: list[tuple[Dialect, str, object, object]] = [
    ("postgresql", "integer", 5, 5),
    ("postgresql", "text", 'a "b" \\ \n \x01 é', 'a "b" \\ \n \x01 é'),
    ("postgresql", "numeric(9,3)", "1.500", Decimal("1.500")),
    ("postgresql", "numeric(9,3)", "100.000", Decimal("100.000")),
    ("postgresql", "numeric(9,0)", "100", Decimal(100)),
    ("postgresql", "numeric", "0.10", Decimal("0.10")),
    ("postgresql", "boolean", True, True),
    ("mysql", "tinyint(1)", False, 0),
    ("mysql", "varchar(9)", "true", "true"),
    ("postgresql", "uuid", "123e4567-e89b-12d3-a456-426614174000", None),
]


@pytest.mark.parametrize(("dialect", "source_type", "sent", "value"), CASES)
def test_the_sql_of_a_keys_text_says_the_same(
    warehouse: DuckDbWarehouse, dialect: Dialect, source_type: str, sent: object, value: object
) -> None:
    text = warehouse_type(SourceColumn("c", source_type), dialect).key_text("doc['c']")
    document = literal(json.dumps({"c": sent}))
    found = warehouse.query(
        f"SELECT CONCAT('[', TO_JSON_STRING({text}), ']') AS c "  # noqa: S608
        f"FROM (SELECT PARSE_JSON({document}) AS doc)"
    )
    expected = key_text({"c": sent if value is None else value})
    assert found.column("c")[0].as_py() == expected
