"""Payloads of JSON objects as columns: all at once, one by one, and both alike."""

from __future__ import annotations

import decimal
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.sql import json_source
from transforms.sql.json_source import decode_json, decode_raw

_TYPES: dict[str, pa.DataType] = {
    "b": pa.bool_(),
    "i": pa.int32(),
    "l": pa.int64(),
    "d": pa.float64(),
    "m": pa.decimal128(10, 2),
    "s": pa.string(),
    "a": pa.list_(pa.int64()),
    "r": pa.struct([pa.field("x", pa.int64()), pa.field("y", pa.string())]),
}
SCHEMA = pa.schema(_TYPES)


def decoded(*payloads: bytes | None, schema: pa.Schema = SCHEMA) -> tuple[Any, Any]:
    """The rows by position, and the messages of failures by position."""
    found = decode_json(pa.array(payloads, pa.binary()), schema)
    rows: dict[int, Any] = {}
    for group in found.groups:
        rows |= dict(zip(group.positions.tolist(), group.rows.to_pylist(), strict=True))
    return rows, {failure.position: failure.message for failure in found.failures}


def value_of(column: str, text: str) -> Any:
    rows, failures = decoded(f'{{"{column}": {text}}}'.encode())
    return failures[0] if failures else rows[0][column]


def test_objects_become_columns_and_what_is_not_declared_is_left_out() -> None:
    first = b'{"b":true,"i":-1,"l":9007199254740993,"d":1e3,"s":"\\u00fc","a":[1,null],"r":{"x":1}}'
    rows, failures = decoded(first, b' {"unknown": {"deep": [1]}} ', None)
    assert failures == {}
    assert rows[0] == {
        "b": True,
        "i": -1,
        "l": 9007199254740993,
        "d": 1000.0,
        "m": None,
        "s": "ü",
        "a": [1, None],
        "r": {"x": 1, "y": None},
    }
    assert rows[1] == dict.fromkeys(SCHEMA.names)
    assert set(rows) == {0, 1}


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "the payload is empty"),
        (b" \n", "the payload is empty"),
        (b"nope", "no JSON: Expecting value at character 0"),
        (b"[1]", "a JSON array, expected an object"),
        (b'"text"', "a JSON text, expected an object"),
        (b"null", "a JSON null, expected an object"),
        (b'{"l": 1', "no JSON"),
        (b'{"l": 1} {"l": 2}', "no JSON: Extra data"),
        (b'{"l": 1}}', "no JSON: Extra data"),
        (b'{"l": NaN}', "NaN is no JSON"),
        (b"\xff{}", "not UTF-8: invalid start byte at byte 0"),
        (b'{"s": "\xff"}', "not UTF-8"),
        (b'{"s": "a\nb"}', "no JSON: Invalid control character"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_payload_that_is_no_object_is_a_failure_and_its_neighbours_are_rows(
    payload: bytes, said: str
) -> None:
    rows, failures = decoded(b'{"l": 1}', payload, b'{"l": 2}')
    assert {position: row["l"] for position, row in rows.items()} == {0: 1, 2: 2}
    assert set(failures) == {1}
    assert said in failures[1]


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("b", '" TRUE "', True),
        ("b", "false", False),
        ("i", '" 12"', 12),
        ("i", "-2147483648", -(2**31)),
        ("l", "9223372036854775807", 2**63 - 1),
        ("d", '"1.5"', 1.5),
        ("d", "7", 7.0),
        ("m", "1.005", decimal.Decimal("1.01")),
        ("m", '"12.5"', decimal.Decimal("12.50")),
        ("m", "1e3", decimal.Decimal("1000.00")),
        ("m", "-0.001", decimal.Decimal("0.00")),
        ("m", "1e-99999", decimal.Decimal("0.00")),
        ("s", "12.50", "12.50"),
        ("s", "true", "true"),
        ("s", '{"b": [1, 2.50, "ü"], "a": null}', '{"b":[1,2.50,"ü"],"a":null}'),
        ("s", "null", None),
        ("a", "[]", []),
        ("r", "null", None),
    ],
)
def test_values_are_read_as_flink_reads_them(column: str, text: str, value: Any) -> None:
    assert value_of(column, text) == value


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("b", "1", "b is the number '1', expected true or false"),
        ("i", "2147483648", "i is the number '2147483648', expected a whole number of 32 bits"),
        ("l", "1.5", "l is the number '1.5', expected a whole number of 64 bits"),
        ("l", '"x"', "l is the text 'x'"),
        ("l", "[1]", "l is the array '[1]'"),
        ("d", "1e999", "d is the number '1e999', expected a number"),
        ("m", "123456789", "expected a number of at most 8 digits before the point"),
        ("m", '"NaN"', "expected a number of at most 8 digits"),
        ("a", "{}", "a is the object '{}', expected an array"),
        ("a", '[1, "x"]', "a[1] is the text 'x'"),
        ("r", "[]", "r is the array '[]', expected an object"),
        ("r", '{"x": "y"}', "r.x is the text 'y'"),
    ],
)
def test_a_value_that_does_not_fit_says_where_and_what_was_expected(
    column: str, text: str, said: str
) -> None:
    assert said in value_of(column, text)


def test_a_map_is_an_object_of_any_names() -> None:
    schema = pa.schema({"m": pa.map_(pa.string(), pa.int64())})
    rows, failures = decoded(b'{"m": {"a": 1, "b": null}}', b'{"m": {"a": "x"}}', schema=schema)
    assert rows == {0: {"m": [("a", 1), ("b", None)]}}
    assert "m.a is the text 'x'" in failures[1]


def test_rows_are_counted_where_no_column_is_read() -> None:
    for bad in ((), (b"x",)):
        found = decode_json(pa.array([b"{}", b'{"l": 1}', *bad], pa.binary()), pa.schema([]))
        assert [group.rows.num_rows for group in found.groups] == [2]
        assert len(found.failures) == len(bad)


def test_payloads_as_they_are() -> None:
    found = decode_raw(pa.array([b"a", None, b"\xff"], pa.binary()), "payload")
    (group,) = found.groups
    assert group.positions.tolist() == [0, 2]
    assert group.rows.to_pylist() == [{"payload": b"a"}, {"payload": b"\xff"}]


_VALUES = {
    "b": st.booleans(),
    "i": st.integers(-(2**31), 2**31 - 1),
    "l": st.integers(-(2**63), 2**63 - 1),
    "d": st.floats(allow_nan=False, allow_infinity=False),
    "s": st.text(st.characters(exclude_categories=["Cs"])),
    "a": st.lists(st.none() | st.integers(0, 9)),
    "r": st.fixed_dictionaries({"x": st.integers(0, 9), "y": st.text('ab{}"\n\\')}),
}
_OBJECTS = st.fixed_dictionaries(
    {}, optional={name: st.none() | values for name, values in _VALUES.items()}
)


@given(st.lists(_OBJECTS, min_size=1, max_size=6), st.sampled_from([None, 1]))
def test_all_at_once_and_one_by_one_give_the_same_rows(
    objects: list[dict[str, Any]], indent: int | None
) -> None:
    payloads = pa.array([json.dumps(one, indent=indent).encode() for one in objects], pa.binary())
    (quick,) = decode_json(payloads, SCHEMA).groups
    one_by_one = vars(json_source)["_one_by_one"]
    (slow,) = one_by_one(payloads, SCHEMA, quick.positions).groups
    assert quick.rows.to_pylist() == slow.rows.to_pylist()
    assert quick.rows.to_pylist() == [
        {name: _expected(one.get(name)) for name in SCHEMA.names} for one in objects
    ]


def _expected(value: Any) -> Any:
    return {"x": None, "y": None} | value if isinstance(value, dict) else value


_FRAGMENTS = st.lists(
    st.sampled_from(["{", "}", "[", "]", '"l"', ":", ",", "1", '"', "\n", " ", '{"l":1}', "x"]),
    max_size=7,
).map("".join)


@given(st.lists(_FRAGMENTS, min_size=1, max_size=4))
def test_no_payload_reaches_into_the_next_one(texts: list[str]) -> None:
    schema = pa.schema({"l": pa.int64()})
    payloads = pa.array([text.encode() for text in texts], pa.binary())
    found = decode_json(payloads, schema)
    rows = {
        position: row
        for group in found.groups
        for position, row in zip(group.positions.tolist(), group.rows.to_pylist(), strict=True)
    }
    for position, text in enumerate(texts):
        alone = decode_json(pa.array([text.encode()], pa.binary()), schema)
        assert (position in rows) is bool(alone.groups)
        if alone.groups:
            assert rows[position] == alone.groups[0].rows.to_pylist()[0]
            assert isinstance(json.loads(text), dict)
