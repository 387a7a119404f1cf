"""Kryo's bytes: strict where they are read."""

from __future__ import annotations

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.encryption_kryo import Value, read_value
from transforms.encryption_kryo_versions import KryoError
from transforms.encryption_kryo_write import write_value

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
TIMES = st.datetimes(
    datetime.datetime(1, 1, 2),  # noqa: DTZ001  (hypothesis takes its zone apart)
    timezones=st.just(datetime.timezone.utc),
).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, fold=0))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    TEXTS,
    st.binary(max_size=400),
    TIMES,
)


@given(VALUES, st.booleans())
def test_what_is_written_is_read(value: Value, has_byte_class: bool) -> None:
    found = read_value(write_value(value, has_byte_class=has_byte_class))
    if isinstance(value, float) and math.isnan(value):
        assert isinstance(found, float)
        assert math.isnan(found)
    else:
        assert repr(found) == repr(value)


@given(VALUES, st.binary(min_size=1, max_size=9))
def test_bytes_left_over_are_refused(value: Value, more: bytes) -> None:
    with pytest.raises(KryoError, match="left over"):
        read_value(write_value(value) + more)


@given(VALUES.filter(lambda value: value is not None), st.data())
def test_bytes_that_end_early_are_refused(value: Value, data: st.DataObject) -> None:
    whole = write_value(value)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(KryoError):
        read_value(whole[:cut])


@given(st.binary(max_size=60))
def test_whatever_the_bytes_are_nothing_but_a_kryo_error_is_raised(data: bytes) -> None:
    try:
        read_value(data)
    except KryoError as error:
        assert error.__cause__ is None or not isinstance(error.__cause__, UnicodeDecodeError)


@pytest.mark.parametrize(
    ("digits", "why"),
    [
        ("07e100", "class number 7"),
        ("0b00", "class number 11"),
        ("13028000", "class number 19"),
        ("0502", "boolean"),
        ("0380", "null"),
        ("1200", "null"),
        ("02ffffffff1f", "longer than 32 bits"),
        ("02ffffffffff01", "longer than 32 bits"),
        ("01016a61e6", "earlier one"),
        ("01006a6176612e6c616e672e537472696ee7", "another name"),
        ("0383eda080", "ends? within"),
        ("0382eda080", "no Unicode"),
        ("0382ff8080", "no Unicode"),
    ],
)
def test_what_kryo_would_not_have_written_is_refused(digits: str, why: str) -> None:
    with pytest.raises(KryoError, match=why):
        read_value(bytes.fromhex(digits))


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "half \ud800 a pair"])
def test_what_java_has_no_value_for_is_not_written(value: Value) -> None:
    with pytest.raises(KryoError):
        write_value(value)
