"""What every form of encrypted fields has in common: values, keys, and why a field is refused."""

from __future__ import annotations

import base64
import binascii
import datetime
from typing import Protocol

from transforms.encryption_kryo import Value

__all__ = [
    "FieldKeys",
    "FieldRefused",
    "UnknownKey",
    "Value",
    "base64_text",
    "bytes_of_base64",
    "text_of",
]

AS_BASE64_AT_MOST = 200_000_000
"""Characters of an encrypted field; Java's arrays and Kafka's messages end long before."""


class FieldRefused(ValueError):
    """A field that does not decrypt or encrypt; no message of these holds plaintext or a key.

    key: the version or id of the key that the field names, None where it names none.
    """

    def __init__(self, why: str, key: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.key = key


class UnknownKey(FieldRefused):
    """The keys have none of the version that the field names: they may be older than it."""


class FieldKeys(Protocol):
    """Keys of one form. Neither `repr` nor pickles show them: they do not pickle."""

    @property
    def form(self) -> str:
        """The form's name, for people."""

    @property
    def names(self) -> tuple[str, ...]:
        """Versions or ids of the keys; the first encrypts."""

    def decrypt(self, text: str, associated: bytes) -> Value:
        """The value of an encrypted field. Raises FieldRefused."""

    def encrypt(self, value: Value, associated: bytes) -> str:
        """The encrypted field of a value. Raises FieldRefused."""


def bytes_of_base64(text: str, what: str, key: str | None = None) -> bytes:
    """Strictly: no other characters, no missing padding. Raises FieldRefused."""
    if len(text) > AS_BASE64_AT_MOST:
        message = f"it has {len(text):,} characters, more than any encrypted field"
        raise FieldRefused(message, key)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        message = f"it is not of this form: expected {what} in base64"
        raise FieldRefused(message, key) from None


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def text_of(value: Value) -> str | None:
    """A value as SQL writes it: times as `2024-01-31 12:00:00.000` in UTC, bytes in base64."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return _float_text(value)
        case bytes():
            return base64_text(value)
        case datetime.datetime():
            at = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
            return at.isoformat(sep=" ", timespec="milliseconds")
    return str(value)


def _float_text(value: float) -> str:
    text = repr(value)
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)
