import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io.kafka_write_errors import Refusal
from pipeline_io.kafka_write_messages import messages_of, refused_rows, size_of
from pipeline_io.record_schema import ATTRIBUTES, REFUSED_ROWS
from tests.io.kafka_sink_rows import sink_rows

ATTRIBUTE = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
ROWS = st.lists(
    st.tuples(
        st.binary(max_size=5),
        st.none() | st.binary(max_size=5),
        st.none() | st.fixed_dictionaries({name: ATTRIBUTE for name in ATTRIBUTES}),
    ),
    max_size=8,
)


@given(ROWS, st.lists(st.sampled_from(ATTRIBUTES), unique=True), st.integers(0, 3))
def test_each_row_is_a_message_whose_headers_are_its_attributes_without_nulls(
    rows: list[tuple[bytes, bytes | None, dict[str, str | None] | None]],
    names: list[str],
    start: int,
) -> None:
    whole = sink_rows([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
    found = list(messages_of(whole.slice(start), names))
    assert len(found) == len(rows[start:])
    for (value, key, headers), row in zip(found, rows[start:], strict=True):
        assert (value, key) == row[:2]
        given = row[2] or {}
        assert (headers or []) == [
            (name, given[name]) for name in names if given.get(name) is not None
        ]


@given(ROWS, st.integers(0, 3))
def test_the_size_of_rows_is_that_of_their_payloads_and_keys(
    rows: list[tuple[bytes, bytes | None, dict[str, str | None] | None]], start: int
) -> None:
    whole = sink_rows([row[0] for row in rows], [row[1] for row in rows])
    assert size_of(whole.slice(start)) == sum(len(row[0] + (row[1] or b"")) for row in rows[start:])


def test_other_columns_are_refused() -> None:
    with pytest.raises(TypeError, match="the rows have the columns"):
        messages_of(pa.record_batch({"payload": [b""]}), ())


def test_refused_rows_are_the_records_they_came_of_with_the_reason() -> None:
    rows = sink_rows([b"0", b"1", b"2"])
    found = refused_rows(rows, [(2, Refusal("A", "a")), (0, Refusal("B", "b"))])
    assert found.schema == REFUSED_ROWS
    assert [(row["record"]["offset"], row["error_class"]) for row in found.to_pylist()] == [
        (2, "A"),
        (0, "B"),
    ]
