"""What is done with less work for the usual records says the same as the long way round."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.change_log_recordings import change_log, records, rows_of
from transforms.change_log_headers import NEW_KEY, OLD_KEY, HeaderKeys, canonical
from transforms.change_log_json import Rows, json_column, json_texts
from transforms.change_log_texts import VARIES, constant, holds_any, spread_texts
from transforms.key_texts import key_texts, plain_key_texts

TEXTS = st.text(max_size=6) | st.text('a"\\\n\x7fé', max_size=4)
FIELDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "id": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "B": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    'q"é': (pa.string(), TEXTS),
    "": (pa.string(), TEXTS),
}
names = st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=4, unique=True)


def drawn_rows(data: st.DataObject, chosen: list[str]) -> list[dict[str, Any]]:
    row = st.fixed_dictionaries({name: FIELDS[name][1] for name in chosen})
    return data.draw(st.lists(row, min_size=1, max_size=5))


def struct(rows: Sequence[dict[str, Any] | None], fields: list[pa.Field[Any]]) -> Rows:
    column: Any = pa.array(rows, pa.struct(fields))
    return Rows(column)


@given(st.data(), names)
def test_plain_keys_have_the_texts_of_all_keys(data: st.DataObject, chosen: list[str]) -> None:
    rows = struct(drawn_rows(data, chosen), [pa.field(name, FIELDS[name][0]) for name in chosen])
    found = plain_key_texts(rows)
    if found is None:
        texts = [text for column in rows.columns for text in column.to_pylist()]
        assert any(json.dumps(text, ensure_ascii=False) != f'"{text}"' for text in texts)
        return
    assert found[0].to_pylist() == json_texts(rows).to_list()
    assert found[1].to_pylist() == key_texts(rows).to_list()


DECIMAL = {"connect.parameters": '{"__debezium.source.column.type": "DECIMAL"}'}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (pa.field("k", pa.int64()), None),
        (pa.field("k", pa.string()), 'a"b'),
        (pa.field("k", pa.string()), "a\\b"),
        (pa.field("k", pa.string()), "a\nb"),
        (pa.field("k", pa.bool_()), True),
        (pa.field("k", pa.float64()), 1.5),
        (pa.field("k", pa.binary()), b"a"),
        (pa.field("k", pa.int64(), metadata={"connect.name": "io.debezium.time.Timestamp"}), 5),
        (pa.field("k", pa.string(), metadata={"connect.name": "io.debezium.data.Uuid"}), "A"),
        (pa.field("k", pa.string(), metadata=DECIMAL), "1.50"),
    ],
)
def test_keys_of_other_values_are_left_to_the_long_way(field: pa.Field[Any], value: Any) -> None:
    column = pa.array([value], field.type)
    assert plain_key_texts(Rows(pa.StructArray.from_arrays([column], fields=[field]))) is None


written = st.one_of(
    st.builds(lambda n: f'{{"id":{n}}}'.encode(), st.integers(-(2**65), 2**65)),
    st.builds(lambda value: orjson.dumps({"id": value}), st.none() | st.booleans() | TEXTS),
    st.sampled_from(
        [
            b'{ "id" : 5 }',
            b'{"id":5.0}',
            b'{"id":1.5}',
            b'{"id":1,"id":2}',
            b'{"ID":1}',
            b"[]",
            b"x",
        ]
    ),
    st.binary(max_size=4),
)


@given(
    st.lists(written, min_size=1, max_size=6),
    st.sampled_from([pa.int32(), pa.int64(), pa.string(), pa.bool_()]),
)
def test_keys_in_headers_have_the_same_text_without_columns(
    raw: list[bytes], kind: pa.DataType
) -> None:
    schema = pa.schema([("id", kind)])
    found = canonical(raw, schema)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transforms.change_log_headers._is_plain", lambda *_: False)
        assert found == canonical(raw, schema)


def test_headers_of_other_names_are_passed_over() -> None:
    same_length = "x" * len(OLD_KEY)
    headers = [
        None,
        [(same_length, b'{"id":1}'), ("short", b"1"), (NEW_KEY, b'{"id":2}')],
        [],
        [(OLD_KEY, b'{"id":3}'), (NEW_KEY, None)],
    ]
    kind = pa.map_(pa.string(), pa.binary())
    entries = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))
    column = pa.array(headers, kind).cast(entries)
    for first in range(3):
        records = pa.RecordBatch.from_arrays([column], names=["headers"]).slice(first)
        keys = HeaderKeys(records, lambda _: pa.schema([("id", pa.int64())]), lambda raw: [])
        positions = np.arange(records.num_rows)
        old, new = [None, None, None, '{"id":3}'], [None, '{"id":2}', None, None]
        assert keys.column(OLD_KEY, positions).to_pylist() == old[first:]
        assert keys.column(NEW_KEY, positions).to_pylist() == new[first:]


cells = st.none() | st.sampled_from(["", "a", "b", "ab", "é"])


@given(st.lists(cells, min_size=1, max_size=8), st.integers(0, 7))
def test_a_column_is_constant_when_all_its_values_are_the_same(
    values: list[str | None], first: int
) -> None:
    rest = values[first:]
    wanted = rest[0] if len(set(rest)) == 1 else (VARIES if rest else None)
    assert constant(pa.array(values, pa.string()).slice(first)) == wanted


@given(st.lists(cells, max_size=8), st.integers(0, 7), st.sampled_from([b"a", b"b", b"bz"]))
def test_bytes_are_found_in_the_values_of_a_slice_alone(
    values: list[str | None], first: int, wanted: bytes
) -> None:
    texts = "".join(value or "" for value in values[first:])
    found = holds_any(pa.array(values, pa.string()).slice(first), wanted)
    assert found == any(letter.encode() in wanted for letter in texts if letter.isascii())


@given(st.lists(cells, max_size=9), st.integers(0, 3))
def test_texts_are_spread_over_their_places(values: list[str | None], skipped: int) -> None:
    there = [value for value in values if value is not None]
    given_texts = pa.array(["before"] * skipped + there, pa.string()).slice(skipped)
    places = np.array([n for n, value in enumerate(values) if value is not None], np.int64)
    found = spread_texts(given_texts, places, len(values))
    found.validate(full=True)
    assert found.to_pylist() == values


def rows_of_topics(name: str) -> list[dict[str, list[dict[str, Any]]]]:
    """The log's rows of each topic of a recording, in batches as a reader hands them over."""
    log = change_log(name)
    found = []
    for batch in records(name):
        topics: Any = batch.column("topic")
        for topic in topics.unique().to_pylist():
            ours = batch.filter(pc.equal(topics, pa.scalar(topic)))
            found += [rows_of(log.process(ours.slice(at, 90))) for at in range(0, len(ours), 90)]
    return found


@pytest.mark.parametrize("name", ["mysql_adaptive", "mariadb_connect", "pg_adaptive"])
def test_a_recordings_rows_are_the_same_without_any_shortcut(name: str) -> None:
    with_shortcuts = rows_of_topics(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transforms.change_log_order.usual_events", lambda *_: None)
        patch.setattr("transforms.change_log_keys.plain_key_texts", lambda _: None)
        patch.setattr("transforms.change_log_headers._is_plain", lambda *_: False)
        patch.setattr("transforms.change_log_write._go_together", lambda *_: False)
        assert rows_of_topics(name) == with_shortcuts


def test_missing_rows_are_null_and_the_others_as_written() -> None:
    rows = struct([None, {"id": 1}, None, {"id": None}], [pa.field("id", pa.int64())])
    assert json_column(rows).to_pylist() == [None, '{"id":1}', None, '{"id":null}']
