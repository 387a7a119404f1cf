"""Fields that Java has encrypted, and keys for tests."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import functools
import json
from pathlib import Path
from typing import Any

from transforms.encryption_document import parse_keys
from transforms.encryption_ring import KeyRing
from transforms.encryption_values import FieldKeys, Value

FOLDER = Path(__file__).parents[1] / "data" / "encryption"
KEYS: dict[str, Any] = json.loads((FOLDER / "keys.json").read_text())
FORMS = tuple(KEYS)
PLACE = b"items.card_number"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


@functools.cache
def vectors() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(line) for line in (FOLDER / "vectors.jsonl").read_text().splitlines())


@functools.cache
def kryo_vectors() -> tuple[dict[str, Any], ...]:
    """What versions of Kryo write, with `version`, `references` and `is_default`."""
    lines = (FOLDER / "kryo_vectors.jsonl").read_text().splitlines()
    return tuple(json.loads(line) for line in lines)


def kryo_keys(**settings: object) -> FieldKeys:
    """The keys of keyVersion#base64 with `kryo` and `references` beside them."""
    return parse_keys(json.dumps({**KEYS["platform"], **settings}))


@functools.cache
def keys_of(form: str) -> FieldKeys:
    return parse_keys(json.dumps(KEYS[form]))


def value_of(vector: dict[str, Any]) -> Value:
    """The value that Java had."""
    kind, value = vector["type"].rpartition(".")[2], vector["value"]
    match kind:
        case "null" | "String" | "Boolean":
            found: Value = value
            return found
        case "byte[]":
            return base64.b64decode(value)
        case "Date":
            return EPOCH + datetime.timedelta(milliseconds=value)
        case "Double" | "Float":
            return float(value)
    return int(value)


@dataclasses.dataclass
class Documents:
    """A source of keys whose document can be exchanged. Hashes by identity."""

    document: str | ValueError
    reads: int = 0

    def read(self) -> str:
        self.reads += 1
        if isinstance(self.document, ValueError):
            raise self.document
        return self.document

    def unwrap(self, wrapped: bytes) -> bytes:
        raise NotImplementedError

    def __str__(self) -> str:
        return "env://KEYS"

    __hash__ = object.__hash__


def ring_of_form(form: str) -> KeyRing:
    return KeyRing(Documents(json.dumps(KEYS[form])))


def platform_document(*versions: str, primary: str | None = None) -> str:
    """Keys by version, each of them made of its version."""
    keys = {version: base64.b64encode(version.encode().rjust(16)).decode() for version in versions}
    return json.dumps({"primary": primary or versions[-1], "keys": keys})


def secrets_of(document: object) -> list[str]:
    """Every text of a document that is key material."""
    if isinstance(document, dict):
        found = [text for value in document.values() for text in secrets_of(value)]
        return found
    if isinstance(document, list):
        return [text for value in document for text in secrets_of(value)]
    return [document] if isinstance(document, str) and len(document) > 20 else []
