"""Documents with keys: their shapes, and what is wrong with them, without the keys."""

from __future__ import annotations

import base64
import json
import pickle
from typing import Any

import pytest
import tink  # type: ignore[import-untyped]
from tink import aead, cleartext_keyset_handle, json_proto_keyset_format

from tests.transforms.encryption_vectors import KEYS, PLACE, keys_of, platform_document
from transforms.encryption_document import KeysError, parse_keys

HIDDEN = "HIDDEN" * 8


def wrapped(keyset: dict[str, Any]) -> tuple[str, Any]:
    """A keyset that another key has wrapped, as Tink writes it, and what unwraps it."""
    aead.register()
    wrapper = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM).primitive(aead.Aead)
    handle = cleartext_keyset_handle.read(tink.JsonKeysetReader(json.dumps(keyset)))
    text = json_proto_keyset_format.serialize_encrypted(handle, wrapper, b"")
    return text, lambda data: wrapper.decrypt(data, b"")


@pytest.mark.parametrize("form", ["tink_gcm", "tink_siv"])
def test_a_wrapped_keyset_is_the_one_that_was_wrapped(form: str) -> None:
    document, unwrap = wrapped(KEYS[form])
    assert "keyData" not in document
    keys = parse_keys(document, unwrap)
    assert keys.names == keys_of(form).names
    assert keys.decrypt(keys_of(form).encrypt("a", PLACE), PLACE) == "a"


def test_a_named_keyset_may_be_wrapped() -> None:
    plain, other = KEYS["kryptonite"][:2]
    document, unwrap = wrapped(other["material"])
    entry = {"identifier": other["identifier"], "material": json.loads(document)}
    keys = parse_keys(json.dumps([entry, plain]), unwrap)
    assert keys_of("kryptonite").decrypt(keys.encrypt(7, b""), b"") == 7


def test_a_wrapped_keyset_without_a_kms_key_is_told_so() -> None:
    document, _ = wrapped(KEYS["tink_gcm"])
    with pytest.raises(KeysError, match="name the key that unwraps it"):
        parse_keys(document)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "no JSON"),
        (HIDDEN, "no JSON"),
        (json.dumps(HIDDEN), "no known shape"),
        (json.dumps({"key": HIDDEN}), "no known shape"),
        (json.dumps({"keys": {}}), "a key or more"),
        (json.dumps({"keys": {"1": HIDDEN}}), "version '1' is no base64 of 16, 24 or 32"),
        (json.dumps({"keys": {"1": f"{HIDDEN}!"}}), "is no base64"),
        (json.dumps({"keys": {"1": 7}}), "is no base64"),
        (json.dumps({"keys": {"a#b": base64.b64encode(bytes(16)).decode()}}), "before a #"),
        (platform_document("1", primary="2"), "primary version '2' is none of 1"),
        (json.dumps({**KEYS["platform"], "kryo": 3}), '"kryo" is none of the numbers 4 and 5'),
        (json.dumps({**KEYS["platform"], "kryo": "4"}), '"kryo" is none'),
        (json.dumps({**KEYS["platform"], "kryo": True}), '"kryo" is none'),
        (json.dumps({**KEYS["platform"], "kryo": None}), '"kryo" is none'),
        (json.dumps({**KEYS["platform"], "references": 1}), "neither true nor false"),
        (json.dumps({**KEYS["platform"], "references": None}), "neither true nor false"),
        (json.dumps({**KEYS["platform"], "krio": 4}), "another member than primary, keys, kryo"),
        (json.dumps({**KEYS["platform"], HIDDEN: HIDDEN}), "another member than"),
        (json.dumps({"primaryKeyId": 1, "key": []}), "Tink does not read"),
        (json.dumps({"primaryKeyId": 1, "key": [{"keyData": HIDDEN}]}), "Tink does not read"),
        (json.dumps({"primaryKeyId": HIDDEN}), "Tink does not read"),
        (json.dumps({"encryptedKeyset": "?"}), "no base64"),
        (json.dumps([]), "no key"),
        (json.dumps([{"identifier": "a"}]), 'key 0 has no "identifier" and "material"'),
        (json.dumps([HIDDEN]), 'key 0 has no "identifier" and "material"'),
        (json.dumps([{"identifier": "a", "material": {"k": HIDDEN}}]), "key 'a'.*Tink does not"),
        (json.dumps([KEYS["kryptonite"][0]] * 2), "there twice"),
    ],
)
def test_what_is_wrong_is_told_without_the_keys(document: str, why: str) -> None:
    with pytest.raises(KeysError, match=why) as refused:
        parse_keys(document, lambda _: b"")
    assert "HIDDEN" not in repr(refused.value)
    # A traceback shows causes, and pickles of Beam's errors have them.
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert "HIDDEN" not in str(pickle.dumps(refused.value))
