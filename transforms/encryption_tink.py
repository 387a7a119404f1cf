"""Fields that Tink encrypts: base64 of what a keyset's AEAD or deterministic AEAD gives.

The plaintext is the value's text in UTF-8. The associated data are the place of the field, so that
a field that is moved to another one does not decrypt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tink  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError
from tink import (
    aead,
    daead,
    json_proto_keyset_format,
    proto_keyset_format,
    secret_key_access,
)

from transforms.encryption_values import (
    FieldRefused,
    UnknownKey,
    Value,
    base64_text,
    bytes_of_base64,
    text_of,
)

FORM = "Tink"
_PREFIX_BYTES = 5
_PREFIX = 1
# OutputPrefixType.TINK of Tink's protocol buffers.
_TINK_PREFIX = 1


class KeysetError(ValueError):
    """A keyset that Tink does not read; the message holds nothing of it."""


class TinkKeyset:
    """A keyset as one cipher: `seal` and `open` on bytes.

    Made by `of_json` or `of_bytes`; both raise KeysetError.
    """

    def __init__(self, handle: Any) -> None:
        aead.register()
        daead.register()
        info = handle.keyset_info()
        self.is_deterministic = any(key.type_url.endswith(".AesSivKey") for key in info.key_info)
        kind: Any = daead.DeterministicAead if self.is_deterministic else aead.Aead
        self._primitive: Any = handle.primitive(kind)
        ids = [key.key_id for key in info.key_info]
        ids.sort(key=lambda number: number != info.primary_key_id)
        self.names = tuple(str(number) for number in ids)
        # A raw key's ciphertext does not say whose it is.
        self._is_named = all(key.output_prefix_type == _TINK_PREFIX for key in info.key_info)

    @classmethod
    def of_json(cls, keyset: str) -> TinkKeyset:
        """The keyset of Tink's JSON, in the clear."""
        return cls._read(json_proto_keyset_format.parse, keyset)

    @classmethod
    def of_bytes(cls, keyset: bytes) -> TinkKeyset:
        """The keyset of Tink's protocol buffer, which is what a wrapped one holds."""
        return cls._read(proto_keyset_format.parse, keyset)

    @classmethod
    def _read(cls, parse: Callable[[Any, Any], Any], keyset: str | bytes) -> TinkKeyset:
        try:
            return cls(parse(keyset, secret_key_access.TOKEN))
        except (tink.TinkError, DecodeError, ValueError, KeyError, TypeError):
            # What Tink says may quote the keyset.
            message = "Tink does not read the keyset: expected keys for AEAD or deterministic AEAD"
            raise KeysetError(message) from None

    def __repr__(self) -> str:
        return f"TinkKeyset(keys {', '.join(self.names)})"

    def __reduce__(self) -> str:
        message = "keys are not pickled: what travels is where they are read"
        raise TypeError(message)

    def open(self, data: bytes, associated: bytes, key: str | None = None) -> bytes:
        """The plaintext. Raises FieldRefused; `key` is told of instead of the keyset's own id."""
        found = key
        if self._is_named:
            if len(data) < _PREFIX_BYTES or data[0] != _PREFIX:
                message = "it is not of this form: its bytes do not begin as Tink's do"
                raise FieldRefused(message, key)
            number = str(int.from_bytes(data[1:_PREFIX_BYTES], "big"))
            found = key or number
            if number not in self.names:
                message = f"there is no key {number}; the keyset has {', '.join(self.names)}"
                raise UnknownKey(message, found)
        try:
            plain: bytes = (
                self._primitive.decrypt_deterministically(data, associated)
                if self.is_deterministic
                else self._primitive.decrypt(data, associated)
            )
        except tink.TinkError:
            message = (
                "its tag does not match: another key of this id, other associated data, or it was "
                "changed"
            )
            raise FieldRefused(message, found) from None
        return plain

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        """The ciphertext, by the primary key."""
        sealed: bytes = (
            self._primitive.encrypt_deterministically(plain, associated)
            if self.is_deterministic
            else self._primitive.encrypt(plain, associated)
        )
        return sealed


class TinkKeys:
    """Fields of a keyset."""

    form = FORM

    def __init__(self, keyset: TinkKeyset) -> None:
        self._keyset = keyset
        self.names = keyset.names

    def __repr__(self) -> str:
        return f"TinkKeys({self._keyset!r})"

    def decrypt(self, text: str, associated: bytes) -> Value:
        """The text of a field, or its bytes where they are no text. Raises FieldRefused."""
        plain = self._keyset.open(bytes_of_base64(text, "Tink's ciphertext"), associated)
        try:
            return plain.decode()
        except UnicodeDecodeError:
            return plain

    def encrypt(self, value: Value, associated: bytes) -> str:
        plain = value if isinstance(value, bytes) else str(text_of(value)).encode()
        return base64_text(self._keyset.seal(plain, associated))
