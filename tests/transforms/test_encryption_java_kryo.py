"""Kryo's versions themselves: they read what is encrypted here, and what they write is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.stack.maven import require_maven
from tests.stack.part import Missing
from tests.transforms.encryption_java import KRYO_VERSIONS, JavaKryo
from tests.transforms.encryption_vectors import KEYS, kryo_keys, kryo_vectors, value_of
from tests.transforms.sql.test_encrypted_fields import item, job_text, ran
from transforms.encryption_values import Value

# Maven and the compiler take half a minute.
pytestmark = pytest.mark.slow

LONG: list[Value] = ["k" * 9000, "é" * 9000, "😀" * 5000, b"\xfe" * 20_000]
"""Lengths of three bytes, which the vectors leave out for their size."""


@pytest.fixture(scope="module", params=KRYO_VERSIONS)
def kryo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> JavaKryo:
    try:
        require_maven()
        return JavaKryo(request.param, tmp_path_factory.mktemp("kryo"))
    except Missing as error:
        pytest.skip(str(error))


def values() -> list[Value]:
    known = [value_of(vector) for vector in kryo_vectors()]
    more: list[Value] = [*"äöü", "half 😀", "\0", "\1", "\1\2", "u" * 33, 2**62, 1e300, -0.5, *LONG]
    return [value for value in [*known, *more] if value is not None]


@pytest.mark.parametrize("references", [None, True, False])
def test_java_reads_what_is_encrypted_here(kryo: JavaKryo, references: bool | None) -> None:
    number = int(kryo.version[0])
    settings = {} if references is None else {"references": references}
    keys = kryo_keys(kryo=number, **settings)
    has_marks = number == 4 if references is None else references
    given = values()
    asked = [{"text": keys.encrypt(value, b""), "references": has_marks} for value in given]
    for found, value in zip(kryo.read(asked), given, strict=True):
        assert repr(value_of(found)) == repr(value)


def test_what_java_writes_is_what_the_vectors_hold(kryo: JavaKryo) -> None:
    known = [vector for vector in kryo_vectors() if vector["version"] == kryo.version]
    # Whole: the IVs are fixed.
    assert [json.loads(line) for line in kryo.made().splitlines()] == known


def test_java_reads_what_a_statement_encrypts(
    kryo: JavaKryo, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = int(kryo.version[0])
    monkeypatch.setenv(f"TEST_KEYS_KRYO{number}", json.dumps({**KEYS["platform"], "kryo": number}))
    rows: list[dict[str, Any]] = [item(1, "4111 1111 1111 1111", 12.5), item(2, "é" * 70, -0.1)]
    select = "id, ENCRYPT(card), ENCRYPT(price), ENCRYPT(id > 1), ENCRYPT(CAST(card AS BYTES))"
    text = job_text("id INT, a STRING, b STRING, c STRING, d STRING", select, f"kryo{number}")
    made, refused = ran(text, rows)
    assert not refused
    asked = [{"text": row[name], "references": number == 4} for row in made for name in "abcd"]
    found = [value_of(one) for one in kryo.read(asked)]
    wanted = [
        value
        for row in rows
        for value in (row["card"], row["price"], row["id"] > 1, row["card"].encode())
    ]
    assert found == wanted
