"""The form `keyVersion#base64(IV of 16 bytes, ciphertext, tag of 16 bytes)`.

AES-GCM without associated data; the plaintext is a value of Kryo's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from transforms.encryption_kryo import Value, read_value
from transforms.encryption_kryo_versions import DEFAULT, KryoError, KryoForm, OtherKryoError
from transforms.encryption_kryo_write import write_value
from transforms.encryption_values import FieldRefused, UnknownKey, base64_text, bytes_of_base64

FORM = "keyVersion#base64"
_IV_BYTES = _TAG_BYTES = 16
_VERSION_AT_MOST = 100


class PlatformKeys:
    """Keys by version.

    Args:
        keys: AES keys of 16, 24 or 32 bytes. primary: the version that encrypts. kryo: which one
            reads and writes the values.

    Raises ValueError for a key of another length and for a primary that there is not.
    """

    form = FORM

    def __init__(self, keys: Mapping[str, bytes], primary: str, kryo: KryoForm = DEFAULT) -> None:
        if primary not in keys:
            message = f"the primary version {primary!r} is none of {', '.join(keys) or 'no keys'}"
            raise ValueError(message)
        self.names = (primary, *(version for version in keys if version != primary))
        self._keys = {version: AESGCM(key) for version, key in keys.items()}
        self._kryo = kryo

    def __repr__(self) -> str:
        return f"PlatformKeys(versions {', '.join(self.names)})"

    def __reduce__(self) -> str:
        message = "keys are not pickled: what travels is where they are read"
        raise TypeError(message)

    def decrypt(self, text: str, associated: bytes) -> Value:
        """The value of a field; this form has no associated data. Raises FieldRefused."""
        version, hash_sign, encoded = text.partition("#")
        if not hash_sign or not version or len(version) > _VERSION_AT_MOST:
            message = f"it is not of this form: expected {FORM}, and it has no key version"
            raise FieldRefused(message)
        cipher = self._keys.get(version)
        if cipher is None:
            message = f"there is no key of this version; the keys are {', '.join(self.names)}"
            raise UnknownKey(message, version)
        data = bytes_of_base64(encoded, "an IV of 16 bytes, ciphertext and tag", version)
        if len(data) < _IV_BYTES + _TAG_BYTES:
            message = (
                f"it is not of this form: {len(data)} bytes, and the IV and the tag have 16 each"
            )
            raise FieldRefused(message, version)
        try:
            plain = cipher.decrypt(data[:_IV_BYTES], data[_IV_BYTES:], None)
        except InvalidTag:
            message = "its tag does not match: another key of this version, or it was changed"
            raise FieldRefused(message, version) from None
        try:
            return read_value(plain, self._kryo)
        except OtherKryoError as error:
            message = (
                f'it decrypts, and {error}; set "kryo" (4 or 5) and "references" (true or false) '
                "beside the keys to what it is written with"
            )
            raise FieldRefused(message, version) from None
        except KryoError as error:
            message = f"it decrypts, and is no value: {error}"
            raise FieldRefused(message, version) from None

    def encrypt(self, value: Value, associated: bytes) -> str:
        """The field of a value, by the primary key and a random IV. Raises FieldRefused."""
        version = self.names[0]
        try:
            plain = write_value(value, self._kryo)
        except KryoError as error:
            raise FieldRefused(str(error), version) from None
        iv = os.urandom(_IV_BYTES)
        sealed = iv + self._keys[version].encrypt(iv, plain, None)
        return f"{version}#{base64_text(sealed)}"
