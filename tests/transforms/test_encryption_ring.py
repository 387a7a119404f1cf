"""Rotation: keys are read again when a field needs newer ones, and not too often."""

from __future__ import annotations

import pickle

import pytest

from tests.transforms.encryption_vectors import Documents, platform_document
from transforms.encryption import decrypted, encrypted
from transforms.encryption_document import parse_keys
from transforms.encryption_ring import AGAIN_SECONDS, OLD_SECONDS, KeyRing


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def field(version: str, value: str = "secret") -> str:
    return parse_keys(platform_document(version)).encrypt(value, b"")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_rotated_key_is_read_without_a_restart(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock)
    assert decrypted([field("1")], ring, b"").values == ["secret"]
    source.document = platform_document("1", "2")
    clock.now += AGAIN_SECONDS
    found = decrypted([field("1"), field("2"), None, field("1")], ring, b"")
    assert found.values == ["secret", "secret", None, "secret"]
    assert not found.refused
    assert source.reads == 2


def test_unknown_versions_do_not_read_the_keys_each_time(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock)
    for _ in range(10):
        found = decrypted([field("9")] * 20 + [field("1")], ring, b"")
        assert found.values[-1] == "secret"
        assert len(found.refused) == 20
        clock.now += 1
    assert source.reads == 1
    clock.now += AGAIN_SECONDS
    decrypted([field("9")] * 20, ring, b"")
    assert source.reads == 2


def test_a_record_with_an_unknown_key_says_which(clock: Clock) -> None:
    found = decrypted([field("9")], KeyRing(Documents(platform_document("1")), clock), b"")
    assert found.refused == {0: "key '9': there is no key of this version; the keys are 1"}


def test_keys_that_cannot_be_read_again_are_kept(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock)
    ring.keys()
    source.document = ValueError("secret://p: PermissionDenied")
    clock.now += OLD_SECONDS + 1
    found = decrypted([field("1"), field("2")], ring, b"")
    assert found.values == ["secret", None]
    assert "PermissionDenied" in found.refused[1]
    assert source.reads == 2


def test_keys_that_cannot_be_read_at_first_stop_the_job(clock: Clock) -> None:
    ring = KeyRing(Documents(ValueError("secret://p: PermissionDenied")), clock)
    with pytest.raises(ValueError, match="PermissionDenied"):
        decrypted([None], ring, b"")


def test_old_keys_are_read_again_so_that_a_new_primary_encrypts(clock: Clock) -> None:
    source = Documents(platform_document("1"))
    ring = KeyRing(source, clock)
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
