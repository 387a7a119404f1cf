"""Columns of encrypted fields: every value on its own, NULL stays NULL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from transforms.encryption_ring import KeyRing
from transforms.encryption_values import FieldRefused, Value

PLACE = "{table}.{path}"
"""The associated data by default: a field that is moved to another place does not decrypt."""


class Decrypted(NamedTuple):
    """The values, None where there is none or the field was refused, and why by position."""

    values: list[Value]
    refused: dict[int, str]


class Encrypted(NamedTuple):
    """The fields, None where the value is NULL or was refused, and why by position."""

    texts: list[str | None]
    refused: dict[int, str]


def decrypted(texts: Sequence[str | None], ring: KeyRing, associated: bytes) -> Decrypted:
    """The values of a column of encrypted fields. Raises ValueError where there are no keys.

    Why a field was refused says the key's version, and nothing of its value.
    """
    values: list[Value] = [None] * len(texts)
    refused: dict[int, str] = {}
    keys = ring.keys()
    decrypt = ring.decrypt
    for position, text in enumerate(texts):
        if text is None:
            continue
        try:
            values[position] = decrypt(keys, text, associated)
        except FieldRefused as error:
            refused[position] = told(error)
            # Those behind it have the newer keys then, if there are some.
            keys = ring.keys()
    return Decrypted(values, refused)


def encrypted(values: Sequence[Value], ring: KeyRing, associated: bytes) -> Encrypted:
    """The fields of a column of values. Raises ValueError where there are no keys."""
    texts: list[str | None] = [None] * len(values)
    refused: dict[int, str] = {}
    keys = ring.keys()
    for position, value in enumerate(values):
        if value is None:
            continue
        try:
            texts[position] = keys.encrypt(value, associated)
        except FieldRefused as error:
            refused[position] = told(error)
    return Encrypted(texts, refused)


def told(error: FieldRefused) -> str:
    """Why a field was refused, with its key's version in front."""
    return error.why if error.key is None else f"key {error.key!r}: {error.why}"


def associated_data(template: str, table: str, path: str) -> bytes:
    """The associated data of a place: the template with `{table}` and `{path}` put in."""
    return template.replace("{table}", table).replace("{path}", path).encode()
