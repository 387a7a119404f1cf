"""Rotation: keys are read again when a field needs newer ones, and not too often."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from tests.transforms.encryption_vectors import KEYS, Documents, platform_document
from transforms.encryption import decrypted, encrypted
from transforms.encryption_document import parse_keys
from transforms.encryption_ring import (
    AGAIN_SECONDS,
    OLD_SECONDS,
    SOON_SECONDS,
    UNKNOWN_AT_MOST,
    KeyRing,
)


class Clock:
    now = 1_000.0

    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def field(version: str, value: str = "secret") -> str:
    return parse_keys(platform_document(version)).encrypt(value, b"")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_rotated_key_is_read_without_a_restart(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock, clock.sleep)
    assert decrypted([field("1")], ring, b"").values == ["secret"]
    source.document = platform_document("1", "2")
    clock.now += AGAIN_SECONDS
    found = decrypted([field("1"), field("2"), None, field("1")], ring, b"")
    assert found.values == ["secret", "secret", None, "secret"]
    assert not found.refused
    assert source.reads == 2


@pytest.mark.parametrize("age", [0.0, 0.1, 1.0, 5.0, AGAIN_SECONDS - 0.1, 2 * AGAIN_SECONDS])
def test_a_key_that_is_rotated_at_any_moment_after_a_read_loses_no_record(
    clock: Clock, age: float
) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock, clock.sleep)
    assert decrypted([field("1")], ring, b"").values == ["secret"]
    clock.now += age
    for newest in range(2, 6 + UNKNOWN_AT_MOST):
        versions = [str(version) for version in range(1, newest + 1)]
        source.document = platform_document(*versions)
        found = decrypted([field(version) for version in versions] * 3, ring, b"")
        assert not found.refused
        assert source.reads == newest
    assert max(clock.slept) <= SOON_SECONDS
    assert age < SOON_SECONDS or not clock.slept[0]


def test_a_rotation_is_seen_while_other_fields_name_a_key_that_there_is_not(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock, clock.sleep)
    decrypted([field("9")], ring, b"")
    source.document = platform_document("1", "2")
    found = decrypted([field("9"), field("2"), field("9")], ring, b"")
    assert found.values == [None, "secret", None]
    assert source.reads == 3


def test_unknown_versions_do_not_read_the_keys_each_time(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock, clock.sleep)
    for _ in range(10):
        found = decrypted([field("9")] * 20 + [field("1")], ring, b"")
        assert found.values[-1] == "secret"
        assert len(found.refused) == 20
        clock.now += 1
    # Once at first, and once for the key that there is not.
    assert source.reads == 2
    clock.now += AGAIN_SECONDS
    decrypted([field("9")] * 20, ring, b"")
    assert source.reads == 3


def test_fields_that_name_any_version_do_not_read_the_keys_for_each(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock, clock.sleep)
    garbage = [f"{number}#AAAA" for number in range(100, 200)]
    assert len(decrypted(garbage, ring, b"").refused) == 100
    assert source.reads == 1 + UNKNOWN_AT_MOST
    assert sum(clock.slept) <= UNKNOWN_AT_MOST * SOON_SECONDS
    clock.now += AGAIN_SECONDS
    source.document = platform_document("1", "2")
    assert decrypted([field("2")], ring, b"").values == ["secret"]


def test_one_keyset_may_be_rotated_twice_in_a_row(clock: Clock) -> None:
    """The names of kryptonite-for-kafka's keys stay, and their keysets change."""
    (key,) = KEYS["kryptonite"][0]["material"]["key"]
    source = Documents(keysets(key, 1))
    ring = KeyRing(source, clock, clock.sleep)
    ring.keys()
    for number in (2, 3, 4):
        source.document = keysets(key, number)
        sealed = parse_keys(source.document).encrypt("secret", b"")
        assert decrypted([sealed], ring, b"").values == ["secret"]
    gone = parse_keys(keysets(key, 9)).encrypt("secret", b"")
    assert [len(decrypted([gone] * 9, ring, b"").refused) for _ in range(9)] == [9] * 9
    assert source.reads == 5


def keysets(key: dict[str, Any], number: int) -> str:
    """kryptonite-for-kafka's keys: one, whose keyset has one key, by its number."""
    material = {"primaryKeyId": number, "key": [{**key, "keyId": number}]}
    return json.dumps([{"identifier": "keyA", "material": material}])


def test_a_thread_with_older_keys_asks_for_its_own_version_too(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock, clock.sleep)
    older = ring.keys()
    source.document = platform_document("1", "2")
    assert ring.decrypt(older, field("2"), b"") == "secret"
    source.document = platform_document("1", "2", "3")
    assert ring.decrypt(older, field("3"), b"") == "secret"
    assert source.reads == 3


def test_a_record_with_an_unknown_key_says_which(clock: Clock) -> None:
    ring = KeyRing(Documents(platform_document("1")), clock, clock.sleep)
    found = decrypted([field("9")], ring, b"")
    assert found.refused == {0: "key '9': there is no key of this version; the keys are 1"}


def test_keys_that_cannot_be_read_again_are_kept(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock, clock.sleep)
    ring.keys()
    source.document = ValueError("secret://p: PermissionDenied")
    clock.now += OLD_SECONDS + 1
    found = decrypted([field("1"), field("2")], ring, b"")
    assert found.values == ["secret", None]
    assert "PermissionDenied" in found.refused[1]
    # Once as they are old, and once more for a key that they lack.
    assert source.reads == 3
    assert "PermissionDenied" in decrypted([field("2")], ring, b"").refused[0]
    assert source.reads == 3


def test_keys_that_cannot_be_read_at_first_stop_the_job(clock: Clock) -> None:
    ring = KeyRing(Documents(ValueError("secret://p: PermissionDenied")), clock)
    with pytest.raises(ValueError, match="PermissionDenied"):
        decrypted([None], ring, b"")


def test_old_keys_are_read_again_so_that_a_new_primary_encrypts(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock, clock.sleep)
    first = encrypted(["a"], ring, b"").texts
    source.document = platform_document("1", "2")
    assert str(encrypted(["a"], ring, b"").texts[0]).startswith("1#")
    clock.now += OLD_SECONDS + 1
    assert str(encrypted(["a"], ring, b"").texts[0]).startswith("2#")
    assert decrypted(first, ring, b"").values == ["a"]


def test_a_ring_pickles_as_its_source_and_shows_it_alone() -> None:
    ring = KeyRing(_SOURCE)
    ring.keys()
    assert repr(ring) == "KeyRing(env://KEYS)"
    again = pickle.loads(pickle.dumps(ring))  # noqa: S301  (our own)
    assert again.source is not ring.source
    assert again._keys is None  # noqa: SLF001  (what must not travel)


_SOURCE = Documents(platform_document("1"))
