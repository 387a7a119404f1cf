"""JSON. The expected values are those of Flink SQL 2.3, save where a comment says otherwise."""

from __future__ import annotations

import datetime
import decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.errors import SqlError
from transforms.sql.functions.json_paths import NotFoundError, find, json_text, parse_path

OBJECT = '{"a": {"b": 1}}'


@pytest.mark.parametrize(
    ("document", "clauses", "expected"),
    [
        ('{"a": 1.10}', "'$.a'", "1.10"),
        ('{"a": 12345678901234567890}', "'$.a'", "12345678901234567890"),
        ('{"a": 123456789012345678.123456789}', "'$.a'", "123456789012345678.123456789"),
        ('{"a": 1e5}', "'$.a'", "1E+5"),
        ('{"a": true}', "'$.a'", "true"),
        ('{"a": null}', "'$.a'", None),
        ('{"a": "é😀\\u00e4"}', "'$.a'", "é😀ä"),
        ('{"a": [1,2]}', "'$.a[1]'", "2"),
        ('{"a": [1,2,3]}', "'$.a[-1]'", "3"),
        ('{"a": [1,2]}', "'$.a[9]'", None),
        ('{"a": [1]}', "'$.a[*]'", None),
        ('{"a b": {"c.d": 1}}', "'$[''a b''][\"c.d\"]'", "1"),
        ('{"a": [{"b": 1}]}', "'lax $.a.b'", None),
        ('{"a":1,"a":2}', "'$.a'", "2"),
        ('{"a":1} trailing', "'$.a'", "1"),
        ('"x"', "'$'", "x"),
        (OBJECT, "'$.a'", None),
        (OBJECT, "'lax $.a' DEFAULT 'x' ON ERROR", None),
        (OBJECT, "'lax $.a' DEFAULT 'x' ON EMPTY", "x"),
        (OBJECT, "'strict $.a' DEFAULT 'x' ON ERROR", "x"),
        (OBJECT, "'strict $.z' DEFAULT 'x' ON EMPTY", None),
        (OBJECT, "'strict $.z' NULL ON EMPTY DEFAULT 'y' ON ERROR", "y"),
        ('{"a": null}', "'lax $.a' DEFAULT 'x' ON EMPTY DEFAULT 'y' ON ERROR", "x"),
        ('{"a": null}', "'strict $.a' DEFAULT 'x' ON EMPTY DEFAULT 'y' ON ERROR", "y"),
        ("not json", "'$.a'", None),
        ("", "'$.a'", None),
        ("{a:1}", "'$.a'", None),
        ('{"a": NaN}', "'$.a' DEFAULT 'x' ON ERROR", "x"),
        ("[" * 100_000, "'$.a'", None),
        ("not json", "'$.a' DEFAULT 'x' ON ERROR", "x"),
        ("not json", "'$.a' ERROR ON ERROR", ...),
        ('{"a":1}', "'$.z' ERROR ON EMPTY", None),
        ('{"a":1}', "'lax $.z' ERROR ON EMPTY", ...),
    ],
)
def test_json_value_gives_the_scalar_in_its_digits(
    check: Check, document: str, clauses: str, expected: object
) -> None:
    check(f"JSON_VALUE(v, {clauses})", "STRING", document, "STRING", expected)


@pytest.mark.parametrize(
    ("value", "returning", "expected"),
    [
        ("1", "INTEGER", 1),
        ("true", "BOOLEAN", True),
        ("1.5", "DOUBLE", 1.5),
        ("12", "STRING", "12"),
        ("123456", "VARCHAR(3)", "123"),
        # Flink has no such RETURNING, or fails the job for these values.
        ("9007199254740993", "BIGINT", 9007199254740993),
        ("1.505", "DECIMAL(5, 2)", decimal.Decimal("1.51")),
        ("12345.5", "DECIMAL(5, 2)", None),
        ('"7"', "INTEGER", 7),
        ("1.5", "INTEGER", None),
        ("3000000000", "INTEGER", None),
        ('"x"', "INTEGER", None),
        ('"x"', "INTEGER DEFAULT -5 ON ERROR", -5),
        ("1", "BOOLEAN", None),
        ("true", "INTEGER", None),
        ('"x"', "INTEGER ERROR ON ERROR", ...),
    ],
)
def test_json_value_returns_a_type_or_has_an_error(
    check: Check, value: str, returning: str, expected: object
) -> None:
    sql = f"JSON_VALUE(v, '$.a' RETURNING {returning})"
    kind = returning.split(" DEFAULT")[0].split(" ERROR")[0].replace("INTEGER", "INT")
    check(sql, "STRING", f'{{"a": {value}}}', kind, expected)


@pytest.mark.parametrize(
    ("document", "clauses", "expected"),
    [
        ('{"a":  {"b" : [1, 2.50, "é"], "a": null} }', "'$.a'", '{"a":null,"b":[1,2.50,"é"]}'),
        ('{"a": 1}', "'$.a'", None),
        ('{"a": null}', "'$.a'", None),
        ('{"a": [{"b":1},{"b":2}]}', "'$.a[*].b'", "[1,2]"),
        ('{"a": {"x": 1, "y": [true]}}', "'$.a.*'", "[1,[true]]"),
        ("nojson", "'$.a'", None),
        ('{"a": 1}', "'$.a' ERROR ON ERROR", ...),
        ('{"a": 1}', "'lax $.z' ERROR ON EMPTY", ...),
    ],
)
def test_json_query_gives_objects_and_arrays(
    check: Check, document: str, clauses: str, expected: object
) -> None:
    check(f"JSON_QUERY(v, {clauses})", "STRING", document, "STRING", expected)


@pytest.mark.parametrize(
    ("document", "clauses", "expected"),
    [
        ('{"a": 1}', "'$.a'", True),
        ('{"a": null}', "'$.a'", False),
        ('{"a": 1}', "'$.z'", False),
        ('{"a": 1}', "'strict $.z' TRUE ON ERROR", True),
        ('{"a": 1}', "'strict $.z' UNKNOWN ON ERROR", None),
        ('{"a": 1}', "'strict $.z' ERROR ON ERROR", ...),
        ("nojson", "'$.z'", False),
        ("nojson", "'$.z' TRUE ON ERROR", True),
    ],
)
def test_json_exists(check: Check, document: str, clauses: str, expected: object) -> None:
    check(f"JSON_EXISTS(v, {clauses})", "STRING", document, "BOOLEAN", expected)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("STRING", 'a"b/é\n', '"a\\"b/é\\n"'),
        ("STRING", "", '""'),
        ("INT", 1, "1"),
        ("DECIMAL(5, 2)", decimal.Decimal("1.50"), "1.50"),
        ("DOUBLE", 1.0, "1.0"),
        ("BOOLEAN", True, "true"),
        ("ARRAY<INT>", [1, None], "[1,null]"),
        ("MAP<STRING, INT>", [{"key": "a", "value": 1}], '{"a":1}'),
        ("ROW<b INT, a STRING>", {"b": 1, "a": "x"}, '{"b":1,"a":"x"}'),
        ("BYTES", b"\x0a\xff", '"Cv8="'),
        ("DATE", datetime.date(2020, 1, 2), '"2020-01-02"'),
        (
            "TIMESTAMP(6)",
            datetime.datetime(2020, 1, 2, 3, 4, 5, 120000),  # noqa: DTZ001
            '"2020-01-02T03:04:05.12"',
        ),
        (
            "TIMESTAMP_LTZ(3)",
            datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.timezone.utc),
            '"1970-01-01T00:00:01Z"',
        ),
    ],
)
def test_json_string_writes_any_value(
    check: Check, kind: str, value: object, expected: str
) -> None:
    check("JSON_STRING(v)", kind, value, "STRING", expected)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("JSON_VALUE(v, 'bad path')", "the path 'bad path' does not begin with $"),
        ("JSON_VALUE(v, '$..c')", "the path '$..c' has '..c', which is not supported"),
        ("JSON_VALUE(v, v)", "the path, must be written as a literal"),
        ("JSON_VALUE(v, '$.a' RETURNING DATE)", "RETURNING DATE is not possible"),
        ("JSON_VALUE(v, '$.a' RETURNING INT DEFAULT 'x' ON ERROR)", "the DEFAULT 'x' is no INT"),
        ("JSON_VALUE(v, '$.a' DEFAULT v ON ERROR)", "takes a literal value here"),
        ("JSON_QUERY(v, '$.a' DEFAULT '[]' ON ERROR)", "DEFAULT ON ERROR is not possible"),
        ("JSON_EXISTS(v, '$.a' NULL ON ERROR)", "NULL ON ERROR is not possible"),
        ("JSON_VALUE(1, '$.a')", "argument 1 is INT, expected STRING"),
    ],
)
def test_a_wrong_use_is_an_error_of_the_script(evaluate: Evaluate, sql: str, message: str) -> None:
    with pytest.raises(SqlError) as raised:
        evaluate(sql, v=("STRING", ["{}"]))
    assert message in str(raised.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=8,
    )
)
def test_what_is_written_as_json_is_found_again(value: object) -> None:
    text = json_text(value)
    assert find(text, parse_path("$")) == value


@given(st.text(max_size=20) | st.binary(max_size=20).map(lambda data: data.decode("latin-1")))
def test_any_text_is_found_or_not_found(text: str) -> None:
    try:
        found = find(text, parse_path("strict $"))
    except NotFoundError:
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(text)
    else:
        assert isinstance(json_text(found), str)
