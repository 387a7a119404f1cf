"""Kryo's versions: each is read and written as Java has it, and one is not taken for another."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.transforms.encryption_vectors import keys_of, kryo_keys, kryo_vectors, value_of
from tests.transforms.test_encryption_kryo import VALUES
from transforms.encryption_kryo import Value, read_value
from transforms.encryption_kryo_versions import KryoError, KryoForm, OtherKryoError
from transforms.encryption_kryo_write import write_value
from transforms.encryption_values import FieldRefused

FORMS = [KryoForm(number, references) for number in (4, 5) for references in (None, True, False)]
NARROW = ("Integer", "Float", "Short", "Byte")
TURNED = ("Double", "Float", "Short")
MARKED = ("String", "byte[]", "Date")


def settings(vector: dict[str, Any]) -> dict[str, Any]:
    """How the keys' document says what has written a vector; no more than it has to."""
    found: dict[str, Any] = {} if number_of(vector) == 5 else {"kryo": 4}
    return found if vector["is_default"] else {**found, "references": vector["references"]}


def number_of(vector: dict[str, Any]) -> int:
    return int(vector["version"][0])


def kind_of(vector: dict[str, Any]) -> str:
    return str(vector["type"].rpartition(".")[2])


def plain_of(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["kryo"])


def is_doubtful(vector: dict[str, Any]) -> bool:
    """A text of Kryo 5's without references whose first character could be a mark."""
    is_plain = number_of(vector) == 5 and not vector["references"]
    return is_plain and str(vector["value"])[:1] == "\1" and vector["value"] != "\1a"


def reads(vector: dict[str, Any], form: KryoForm) -> Value | OtherKryoError:
    try:
        return read_value(plain_of(vector), form)
    except OtherKryoError as error:
        return error


def test_every_version_and_setting_has_vectors_of_every_type() -> None:
    kinds: dict[tuple[str, bool], set[str]] = {}
    for vector in kryo_vectors():
        kinds.setdefault((vector["version"], vector["references"]), set()).add(kind_of(vector))
    assert set(kinds) == {(v, on) for v in ("4.0.3", "5.6.2") for on in (True, False)}
    assert {frozenset(one) for one in kinds.values()} == {
        frozenset((*NARROW, *TURNED, *MARKED, "null", "Long", "Boolean"))
    }
    for vector in kryo_vectors():
        assert vector["is_default"] is (
            KryoForm(number_of(vector)).has_marks == vector["references"]
        )


@pytest.mark.parametrize("number", [4, 5])
def test_fields_of_every_version_decrypt_to_their_values(number: int) -> None:
    mine = [one for one in kryo_vectors() if number_of(one) == number and not is_doubtful(one)]
    assert len(mine) > 100
    for vector in mine:
        found = kryo_keys(**settings(vector)).decrypt(vector["text"], b"")
        # By repr: 1 is no True, and -0.0 no 0.0.
        assert repr(found) == repr(value_of(vector)), vector


def test_values_are_written_byte_by_byte_as_each_version_writes_them() -> None:
    compared = 0
    for vector in kryo_vectors():
        if kind_of(vector) in NARROW:
            continue
        form = KryoForm(number_of(vector), vector["references"])
        assert write_value(value_of(vector), form) == plain_of(vector)
        compared += 1
    assert compared > 170


def test_what_kryo_4_writes_by_default_is_refused_by_default_or_is_the_same() -> None:
    """But for numbers whose bytes have another order, which nothing tells apart."""
    refused = 0
    for vector in kryo_vectors():
        if number_of(vector) == 5 or kind_of(vector) in TURNED:
            continue
        found = reads(vector, KryoForm())
        if isinstance(found, OtherKryoError):
            refused += 1
            assert kind_of(vector) in MARKED
        else:
            assert repr(found) == repr(value_of(vector)), vector
            assert not (vector["references"] and kind_of(vector) in MARKED)
    assert refused > 30


def test_what_kryo_5_writes_by_default_is_refused_as_kryo_4_or_is_the_same() -> None:
    for vector in kryo_vectors():
        if number_of(vector) == 4 or vector["references"] or kind_of(vector) in TURNED:
            continue
        try:
            found = read_value(plain_of(vector), KryoForm(4))
        except KryoError:
            assert kind_of(vector) in MARKED
        else:
            assert is_doubtful(vector) or repr(found) == repr(value_of(vector)), vector


@pytest.mark.parametrize("vector", [v for v in kryo_vectors() if is_doubtful(v)], ids=lambda _: "")
def test_a_text_that_could_have_a_mark_is_read_where_the_keys_say_that_it_has_none(
    vector: dict[str, Any],
) -> None:
    with pytest.raises(FieldRefused, match=r'mark of a reference .*"references"'):
        kryo_keys().decrypt(vector["text"], b"")
    assert kryo_keys(references=False).decrypt(vector["text"], b"") == value_of(vector)


def test_a_refused_field_names_the_settings_and_shows_nothing_of_its_value() -> None:
    told = set()
    for vector in kryo_vectors():
        if kind_of(vector) != "String" or len(vector["value"]) < 3:
            continue
        for keys in (kryo_keys(), kryo_keys(kryo=4), kryo_keys(kryo=4, references=False)):
            try:
                keys.decrypt(vector["text"], b"")
            except FieldRefused as error:
                assert vector["value"][:3] not in error.why
                told.add(error.why)
    assert len(told) > 3
    for why in told:
        assert 'set "kryo" (4 or 5) and "references" (true or false)' in why or "no value" in why


@given(VALUES, st.sampled_from(FORMS))
@example("\1abc", KryoForm())
@example("\1\1", KryoForm())
@example("\1" + "a" * 40, KryoForm())
@example("\1", KryoForm())
@example("\1é", KryoForm(4, references=False))
def test_what_a_form_writes_it_reads(value: Value, form: KryoForm) -> None:
    found = read_value(write_value(value, form), form)
    assert repr(found) == repr(value)


@given(VALUES, st.sampled_from(FORMS), st.sampled_from(FORMS))
@example("\1ab", KryoForm(4, references=False), KryoForm())
@example("\1\1", KryoForm(5, references=False), KryoForm())
@example("", KryoForm(4), KryoForm())
def test_one_form_reads_the_value_of_another_or_refuses_it(
    value: Value, written: KryoForm, read: KryoForm
) -> None:
    """But for numbers with a point, and U+0001 where the keys say what may not be so."""
    is_told = read.references is not None or read.number == 4
    if isinstance(value, float) or (is_told and str(value)[:1] == "\1"):
        return
    try:
        found = read_value(write_value(value, written), read)
    except KryoError:
        assert isinstance(value, str | bytes) or hasattr(value, "year")
        return
    if isinstance(value, str) and written.has_marks and not read.has_marks:
        # Told that there are no marks, a mark is a character.
        assert read.references is False
        return
    assert repr(found) == repr(value)


def test_the_bytes_of_a_number_are_turned_in_kryo_4() -> None:
    four, five = (write_value(12.5, KryoForm(number)) for number in (4, 5))
    assert four[:1] == five[:1]
    assert four[1:] == five[:0:-1] == struct.pack(">d", 12.5)


@pytest.mark.parametrize("text", ["\1abc", "\1\1", "\1" + "a" * 30])
def test_kryptonite_has_no_marks_and_its_texts_may_begin_with_any_character(text: str) -> None:
    keys = keys_of("kryptonite")
    assert keys.decrypt(keys.encrypt(text, b""), b"") == text
