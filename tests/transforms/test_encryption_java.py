"""Java reads what this project has encrypted, and new vectors of Java's are read here."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.stack.maven import require_maven
from tests.stack.part import Missing
from tests.transforms.encryption_java import JavaFields
from tests.transforms.encryption_vectors import FORMS, keys_of, value_of, vectors
from transforms.encryption_values import Value, text_of

# Maven and the compiler take half a minute.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> JavaFields:
    try:
        require_maven()
        return JavaFields(tmp_path_factory.mktemp("java"))
    except Missing as error:
        pytest.skip(str(error))


def values() -> list[Value]:
    """Every value of Java's vectors, and some that it has not."""
    known = [value_of(vector) for vector in vectors()]
    more = [*"äöü", "half 😀", "\0", 2**62, -1, 1e300, b"\xff" * 700]
    return [value for value in [*known, *more] if value is not None]


@pytest.mark.parametrize("form", FORMS)
def test_java_reads_what_is_encrypted_here(fields: JavaFields, form: str) -> None:
    given = values()
    texts = [keys_of(form).encrypt(value, b"items.card_number") for value in given]
    kinds = ["byte[]" if isinstance(value, bytes) else "java.lang.String" for value in given]
    asked: list[dict[str, Any]] = [
        {"form": form, "text": text, "type": kind, "associated": "items.card_number"}
        for text, kind in zip(texts, kinds, strict=True)
    ]
    for found, value in zip(fields.read(asked), given, strict=True):
        seen = value_of(found)
        if form.startswith("tink") and not isinstance(value, bytes):
            assert seen == text_of(value)
        elif isinstance(value, float) and math.isnan(value):
            assert isinstance(seen, float)
        else:
            assert repr(seen) == repr(value)


def test_new_vectors_of_java_are_read(fields: JavaFields) -> None:
    lines = [json.loads(line) for line in fields.made().splitlines()]
    assert len(lines) == len(vectors())
    for old, vector in zip(vectors(), lines, strict=True):
        assert vector.get("kryo") == old.get("kryo")
        found = keys_of(vector["form"]).decrypt(
            vector["text"], vector.get("associated", "").encode()
        )
        if not vector["form"].startswith("tink"):
            assert repr(found) == repr(value_of(vector))
