"""Keys as a file or a secret has them: one JSON document, whose shape tells the form.

- `{"primary": "2", "keys": {"1": "base64", "2": "base64"}}`: AES keys by version, for
  `keyVersion#base64` fields; `"kryo": 4` (5 without it) and `"references": true` or `false` (as
  that version comes without it) say what writes the values.
- `{"primaryKeyId": 1, "key": [...]}`: a Tink keyset; `{"encryptedKeyset": "...", ...}`: one that a
  KMS key has wrapped.
- `[{"identifier": "keyA", "material": {...}}]`: keysets by name, wrapped or not, as
  kryptonite-for-kafka has them in its cipher_data_keys.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from transforms.encryption_kryo_versions import NUMBERS, KryoForm
from transforms.encryption_kryptonite import KryptoniteKeys
from transforms.encryption_platform import PlatformKeys
from transforms.encryption_tink import KeysetError, TinkKeys, TinkKeyset
from transforms.encryption_values import FieldKeys

Unwrap = Callable[[bytes], bytes]
"""Decrypts a keyset that is wrapped; raises what the caller of `parse_keys` knows."""

SHAPES = (
    'a Tink keyset {"primaryKeyId": ..., "key": [...]}, AES keys {"primary": "1", "keys": {"1": '
    '"base64"}}, or [{"identifier": "keyA", "material": {a Tink keyset}}]'
)


_PLATFORM_MEMBERS = ("primary", "keys", "kryo", "references")


class KeysError(ValueError):
    """Keys that cannot be read; the message holds nothing of them."""


def parse_keys(document: str, unwrap: Unwrap | None = None) -> FieldKeys:
    """The keys of a document. Raises KeysError.

    unwrap: for wrapped keysets; None where no KMS key was named.
    """
    try:
        found = json.loads(document)
    except ValueError:
        message = f"the keys are no JSON; expected {SHAPES}"
        raise KeysError(message) from None
    if isinstance(found, list):
        return KryptoniteKeys(_named_keysets(found, unwrap))
    if isinstance(found, dict) and ("encryptedKeyset" in found or "primaryKeyId" in found):
        return TinkKeys(_keyset(found, unwrap))
    if isinstance(found, dict) and "keys" in found:
        return _platform(found)
    message = f"the keys are of no known shape; expected {SHAPES}"
    raise KeysError(message)


def _platform(document: dict[str, Any]) -> PlatformKeys:
    # A setting by another name would go unseen, and numbers be read with their bytes turned round.
    if not set(document) <= set(_PLATFORM_MEMBERS):
        message = f"beside the keys there is another member than {', '.join(_PLATFORM_MEMBERS)}"
        raise KeysError(message)
    keys = document["keys"]
    if not isinstance(keys, dict) or not keys:
        message = '"keys" is no object with a key or more; expected {"1": "base64 of an AES key"}'
        raise KeysError(message)
    found = {str(version): _aes_key(version, text) for version, text in keys.items()}
    # Who only decrypts needs no primary.
    primary = document.get("primary", next(reversed(found)))
    try:
        return PlatformKeys(found, str(primary), _kryo(document))
    except ValueError as error:
        raise KeysError(str(error)) from None


def _kryo(document: dict[str, Any]) -> KryoForm:
    number, references = document.get("kryo", KryoForm.number), document.get("references")
    if isinstance(number, bool) or number not in NUMBERS:
        message = f'"kryo" is none of the numbers {" and ".join(map(str, NUMBERS))}'
        raise KeysError(message)
    if "references" in document and not isinstance(references, bool):
        message = '"references" is neither true nor false'
        raise KeysError(message)
    return KryoForm(int(number), references)


def _aes_key(version: str, text: object) -> bytes:
    try:
        key = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in (16, 24, 32):
        message = f"the key of version {version!r} is no base64 of 16, 24 or 32 bytes"
        raise KeysError(message)
    if not version or "#" in version:
        message = f"the version {version!r} cannot stand before a #"
        raise KeysError(message)
    return key


def _named_keysets(entries: list[Any], unwrap: Unwrap | None) -> dict[str, TinkKeyset]:
    found: dict[str, TinkKeyset] = {}
    for number, entry in enumerate(entries):
        name = entry.get("identifier") if isinstance(entry, dict) else None
        material = entry.get("material") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name or not isinstance(material, dict):
            message = f'key {number} has no "identifier" and "material"; expected {SHAPES}'
            raise KeysError(message)
        if len(name.encode()) > 255 or name in found:
            message = f"the identifier {name!r} is longer than 255 bytes, or there twice"
            raise KeysError(message)
        try:
            found[name] = _keyset(material, unwrap)
        except KeysError as error:
            message = f"key {name!r}: {error}"
            raise KeysError(message) from None
    if not found:
        message = f"there is no key; expected {SHAPES}"
        raise KeysError(message)
    return found


def _keyset(document: dict[str, Any], unwrap: Unwrap | None) -> TinkKeyset:
    try:
        if "encryptedKeyset" not in document:
            return TinkKeyset.of_json(json.dumps(document))
        if unwrap is None:
            message = "the keyset is wrapped by a KMS; name the key that unwraps it"
            raise KeysError(message)
        try:
            wrapped = base64.b64decode(document["encryptedKeyset"], validate=True)
        except (binascii.Error, ValueError, TypeError):
            message = '"encryptedKeyset" is no base64'
            raise KeysError(message) from None
        return TinkKeyset.of_bytes(unwrap(wrapped))
    except KeysetError as error:
        raise KeysError(str(error)) from None
