"""What Java's libraries have encrypted is read as what it was."""

from __future__ import annotations

import base64
from collections import Counter

import pytest

from tests.transforms.encryption_vectors import FORMS, keys_of, value_of, vectors
from transforms.encryption_kryo import EncryptedField, read_field, read_value
from transforms.encryption_kryo_write import write_field, write_value
from transforms.encryption_values import text_of

WRITTEN_OTHERWISE = ("Integer", "Float", "Short", "Byte")
"""Java's narrow numbers: Python's are a long and a double."""


@pytest.mark.parametrize("form", FORMS)
def test_every_field_of_java_decrypts_to_its_value(form: str) -> None:
    keys = keys_of(form)
    mine = [vector for vector in vectors() if vector["form"] == form]
    assert len(mine) > 30
    for vector in mine:
        found = keys.decrypt(vector["text"], vector.get("associated", "").encode())
        wanted = value_of(vector)
        if not form.startswith("tink"):
            # By repr: 1 is no True, and -0.0 no 0.0.
            assert repr(found) == repr(wanted), vector["type"]
        elif isinstance(wanted, bytes):
            assert (found.encode() if isinstance(found, str) else found) == wanted
        elif isinstance(wanted, float):
            assert float(str(found)) == wanted
        else:
            assert found == text_of(wanted)


def test_the_vectors_hold_every_type_that_a_field_has() -> None:
    types = Counter(vector["type"].rpartition(".")[2] for vector in vectors())
    wanted = {"null", "String", "Integer", "Long", "Double", "Float", "Boolean", "Short", "Byte"}
    assert set(types) == {*wanted, "byte[]", "Date"}
    assert {vector.get("format") for vector in vectors()} == {None, "k1", "k2"}


def test_values_are_written_byte_by_byte_as_kryo_writes_them() -> None:
    compared = 0
    for vector in vectors():
        if "kryo" not in vector or vector["type"].endswith(WRITTEN_OTHERWISE):
            continue
        plain = bytes.fromhex(vector["kryo"])
        has_class = vector["form"] == "kryptonite"
        assert write_value(read_value(plain), has_byte_class=has_class) == plain
        compared += 1
    assert compared > 200


def test_envelopes_of_the_first_version_are_written_as_kryo_writes_them() -> None:
    whole = [base64.b64decode(one["text"]) for one in vectors() if one.get("format") == "k1"]
    assert whole
    for data in whole:
        field = read_field(data)
        assert isinstance(field, EncryptedField)
        assert write_field(field) == data
