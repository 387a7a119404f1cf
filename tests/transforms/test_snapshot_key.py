"""The keys of a snapshot's rows by columns, against the keys of kami a row at a time."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kami.keys import key_text
from transforms.snapshot_key import KeyColumn, SnapshotKeyError, snapshot_keys
from transforms.snapshot_rows import incoming_rows

UTC = datetime.timezone.utc
EPOCH = datetime.date(1970, 1, 1)
MOMENTS = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31))  # noqa: DTZ001


def printed(moment: datetime.datetime) -> str:
    """As PostgreSQL prints it: no zeros at the end of the fraction."""
    text = moment.replace(tzinfo=None).isoformat(" ")
    zone = "" if moment.tzinfo is None else "+00"
    return f"{text.rstrip('0') if '.' in text else text}{zone}"


def fixed(text: str, scale: int) -> str:
    return format(Decimal(text), f".{scale}f")


# For each form: values, and how a database prints them.
FORMS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], str]]] = {
    "text": (st.text(st.characters(exclude_categories=["Cs"]), max_size=8), str),
    "integer": (st.integers(-(2**63), 2**64 - 1), str),
    "decimal": (st.decimals(-9999, 9999, places=3), lambda value: fixed(str(value), 3)),
    "float": (st.floats(), lambda value: str(value).replace("inf", "Infinity")),
    "boolean": (st.booleans(), lambda value: "t" if value else "f"),
    "date": (st.dates(), str),
    "datetime": (MOMENTS, printed),
    "timestamp": (MOMENTS.map(lambda one: one.replace(tzinfo=UTC)), printed),
    "time": (st.times(), lambda value: printed(datetime.datetime.combine(EPOCH, value))[11:]),
    "bytes": (st.binary(max_size=8), lambda value: base64.b64encode(value).decode()),
}


@st.composite
def keyed_rows(draw: st.DrawFn) -> tuple[list[KeyColumn], list[list[Any]]]:
    forms = draw(st.lists(st.sampled_from(sorted(FORMS)), min_size=1, max_size=4))
    names = draw(
        st.lists(st.text("aAbZ_é", min_size=1), min_size=len(forms), max_size=4, unique=True)
    )
    key = [KeyColumn(name, form) for name, form in zip(names, forms, strict=False)]
    rows = draw(st.lists(st.tuples(*(FORMS[one.form][0] for one in key)), min_size=1, max_size=5))
    return key, [list(row) for row in rows]


@given(keyed_rows())
def test_keys_by_columns_are_those_a_row_at_a_time(
    drawn: tuple[list[KeyColumn], list[list[Any]]],
) -> None:
    key, rows = drawn
    texts = {
        one.name: [FORMS[one.form][1](row[number]) for row in rows]
        for number, one in enumerate(key)
    }
    table = pa.table({name: pa.array(values, pa.string()) for name, values in texts.items()})
    wanted = [key_text({one.name: row[n] for n, one in enumerate(key)}) for row in rows]
    assert snapshot_keys(table, tuple(key)).to_list() == wanted


def test_mysqls_zeros_at_the_end_of_times_are_cut() -> None:
    table = pa.table({"a": ["2026-01-01 10:00:00.500000"], "b": ["2026-01-01 10:00:00.000Z"]})
    key = (KeyColumn("b", "timestamp"), KeyColumn("a", "datetime"))
    assert snapshot_keys(table, key).to_list() == [
        '["2026-01-01T10:00:00.5","2026-01-01T10:00:00Z"]'
    ]


def test_null_in_a_key_is_refused() -> None:
    table = pa.table({"a": pa.array(["1", None], pa.string())})
    with pytest.raises(SnapshotKeyError, match="key column 'a' has NULL in 1 rows"):
        snapshot_keys(table, (KeyColumn("a", "integer"),))


def test_incoming_rows_have_numbered_columns_behind_their_key() -> None:
    table = pa.table({"Id": ["1"], "id": pa.array([None], pa.string())})
    rows = incoming_rows(table, (KeyColumn("Id", "integer"),))
    assert rows.to_pylist() == [{"_key": '["1"]', "c0": "1", "c1": None}]
