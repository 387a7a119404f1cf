"""The forms of encrypted fields: what is written is read, what was changed is refused."""

from __future__ import annotations

import base64
import json
import pickle

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.encryption_vectors import (
    FORMS,
    KEYS,
    PLACE,
    keys_of,
    platform_document,
    secrets_of,
)
from tests.transforms.test_encryption_kryo import VALUES
from transforms.encryption_document import parse_keys
from transforms.encryption_values import FieldRefused, UnknownKey, Value, text_of

SECRET = "4111 1111 1111 1111"  # noqa: S105  (a card's number that nobody has)


@pytest.mark.parametrize("form", FORMS)
@given(value=VALUES.filter(lambda value: value is not None))
@settings(max_examples=60)
def test_what_is_encrypted_decrypts(form: str, value: Value) -> None:
    keys = keys_of(form)
    field = keys.encrypt(value, PLACE)
    assert field.isascii()
    found = keys.decrypt(field, PLACE)
    if form.startswith("tink"):
        wanted = value if isinstance(value, bytes) else str(text_of(value)).encode()
        assert (found if isinstance(found, bytes) else str(found).encode()) == wanted
    else:
        assert repr(found) == repr(value)


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
@settings(max_examples=150)
def test_any_flipped_bit_is_refused(form: str, data: st.DataObject) -> None:
    keys = keys_of(form)
    head, hash_sign, encoded = keys.encrypt(SECRET, PLACE).rpartition("#")
    whole = bytearray(base64.b64decode(encoded))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    changed = head + hash_sign + base64.b64encode(whole).decode()
    with pytest.raises(FieldRefused) as refused:
        keys.decrypt(changed, PLACE)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("form", FORMS)
@given(text=st.one_of(st.text(), st.text("0123456789abcdefABCDEF+/=#", max_size=90)))
def test_a_text_that_is_no_field_is_refused_and_not_shown(form: str, text: str) -> None:
    with pytest.raises(FieldRefused) as refused:
        keys_of(form).decrypt(text, PLACE)
    if len(text) > 8:
        assert text not in refused.value.why


@pytest.mark.parametrize("form", FORMS)
def test_a_field_without_its_end_is_refused(form: str) -> None:
    field = keys_of(form).encrypt(SECRET, PLACE)
    for size in range(0, len(field), 4):
        with pytest.raises(FieldRefused):
            keys_of(form).decrypt(field[:size], PLACE)


@pytest.mark.parametrize("form", ["tink_gcm", "tink_siv"])
def test_a_field_that_was_moved_to_another_place_is_refused(form: str) -> None:
    field = keys_of(form).encrypt(SECRET, PLACE)
    with pytest.raises(FieldRefused, match="other associated data"):
        keys_of(form).decrypt(field, b"items.name")


def test_equal_values_are_equal_fields_under_a_deterministic_key_alone() -> None:
    deterministic, random = keys_of("tink_siv"), keys_of("tink_gcm")
    assert deterministic.encrypt(SECRET, PLACE) == deterministic.encrypt(SECRET, PLACE)
    assert random.encrypt(SECRET, PLACE) != random.encrypt(SECRET, PLACE)


def test_each_key_version_decrypts_its_own_and_the_primary_encrypts() -> None:
    first, both = parse_keys(platform_document("1")), parse_keys(platform_document("1", "2"))
    old, new = first.encrypt(SECRET, b""), both.encrypt(SECRET, b"")
    assert (old.partition("#")[0], new.partition("#")[0]) == ("1", "2")
    assert both.decrypt(old, b"") == both.decrypt(new, b"") == SECRET
    with pytest.raises(UnknownKey) as refused:
        first.decrypt(new, b"")
    assert refused.value.key == "2"


def test_another_key_of_the_same_version_is_told_from_an_unknown_one() -> None:
    other = json.dumps({"keys": {"2": base64.b64encode(bytes(32)).decode()}})
    field = parse_keys(platform_document("2")).encrypt(SECRET, b"")
    with pytest.raises(FieldRefused, match="tag does not match") as refused:
        parse_keys(other).decrypt(field, b"")
    assert refused.value.key == "2"
    assert not isinstance(refused.value, UnknownKey)


@pytest.mark.parametrize(
    ("form", "field", "why"),
    [
        ("platform", "1#AAAA", "3 bytes"),
        ("platform", "#" + "A" * 64, "no key version"),
        ("platform", "1#" + "A" * 43, "base64"),
        ("platform", "1#" + "A" * 63 + "\n", "base64"),
        ("tink_gcm", "AAAA", "do not begin as Tink's"),
        ("tink_gcm", base64.b64encode(b"\1\0\0\0\7" + bytes(40)).decode(), "no key 7"),
        ("kryptonite", base64.b64encode(b"k20102\4keyA" + bytes(40)).decode(), "serde_type=KRYO"),
        ("kryptonite", base64.b64encode(b"k20003\4keyA" + bytes(40)).decode(), "algorithm 03"),
        ("kryptonite", base64.b64encode(b"k20004\4keyA" + bytes(40)).decode(), "FPE"),
        ("kryptonite", base64.b64encode(b"k20002\4keyX" + bytes(40)).decode(), "this identifier"),
        ("kryptonite", base64.b64encode(b"k20002\xffkeyX").decode(), "header"),
        ("kryptonite", base64.b64encode(b"k2").decode(), "header"),
    ],
)
def test_it_is_said_why_a_field_is_refused(form: str, field: str, why: str) -> None:
    with pytest.raises(FieldRefused, match=why):
        keys_of(form).decrypt(field, PLACE)


def test_a_field_that_decrypts_to_no_value_does_not_show_its_bytes() -> None:
    keys = parse_keys(json.dumps({"keys": {"1": base64.b64encode(bytes(16)).decode()}}))
    iv = bytes(16)
    sealed = iv + AESGCM(bytes(16)).encrypt(iv, SECRET.encode(), None)
    with pytest.raises(FieldRefused, match="it decrypts, and is no value") as refused:
        keys.decrypt("1#" + base64.b64encode(sealed).decode(), b"")
    assert "4111" not in str(refused.value)


@pytest.mark.parametrize("form", FORMS)
def test_keys_are_not_shown_and_do_not_pickle(form: str) -> None:
    keys = keys_of(form)
    shown = f"{keys!r} {keys}"
    hidden = secrets_of(KEYS[form])
    assert hidden
    assert not [secret for secret in hidden if secret in shown]
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(keys)
