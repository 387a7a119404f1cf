"""Keys as a running pipeline has them: read when first needed, and again when they are too old."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from transforms.encryption_values import FieldKeys, FieldRefused, UnknownKey, Value

AGAIN_SECONDS = 30.0
"""How long a key that was unknown to keys just read is not asked for again: a topic of such fields
is no reason to ask Secret Manager for each."""
SOON_SECONDS = 1.0
"""Keys that were read this long ago are read again for a key that is new to them; what is younger
is waited for. A rotation at any moment then costs a second, and no record."""
UNKNOWN_AT_MOST = 5
"""Keys that are asked for within AGAIN_SECONDS: fields that only look encrypted name any."""
OLD_SECONDS = 600.0
"""Keys of this age are read again: a new primary key encrypts and a removed one decrypts no more
from then on."""


class KeySource(Protocol):
    """Where keys are. It pickles, hashes, and its text is for people: it never holds keys."""

    def read(self) -> str:
        """The keys' document, see `transforms.encryption_document`. Raises ValueError."""

    def unwrap(self, wrapped: bytes) -> bytes:
        """The keyset that a KMS's key has wrapped. Raises ValueError."""

    def __str__(self) -> str: ...

    def __hash__(self) -> int: ...


class KeyRing:
    """The keys of a source, for several threads. Pickles as the source."""

    def __init__(
        self,
        source: KeySource,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.source = source
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._keys: FieldKeys | None = None
        self._read_at = 0.0
        self._why_not: str | None = None
        self._unknown: dict[str | None, float] = {}

    def __repr__(self) -> str:
        return f"KeyRing({self.source})"

    def __reduce__(self) -> tuple[Callable[[KeySource], KeyRing], tuple[KeySource]]:
        return ring_of, (self.source,)

    def keys(self) -> FieldKeys:
        """The keys; read at the first call, and when they are old. Raises ValueError at the first
        call alone: later it goes on with those that it has."""
        keys = self._keys
        if keys is None or self._clock() - self._read_at > OLD_SECONDS:
            with self._lock:
                if self._keys is None:
                    self._keys = self._read()
                elif self._clock() - self._read_at > OLD_SECONDS:
                    self._renew()
                return self._keys
        return keys

    def decrypt(self, keys: FieldKeys, text: str, associated: bytes) -> Value:
        """The value of a field. Keys that lack its version are read again. Raises FieldRefused."""
        lacked: str | None = None
        while True:
            try:
                value = keys.decrypt(text, associated)
            except UnknownKey as error:
                newer = self._newer(keys, error.key)
                if newer is None:
                    why = error.why if self._why_not is None else f"{error.why}; {self._why_not}"
                    raise FieldRefused(why, error.key) from None
                keys, lacked = newer, error.key
            else:
                if lacked in self._unknown:
                    # There is one by this name now, and perhaps soon another.
                    with self._lock:
                        self._unknown.pop(lacked, None)
                return value

    def _newer(self, than: FieldKeys, unknown: str | None) -> FieldKeys | None:
        """Keys that were read after these, which lack one; None where it is too early to ask for
        it again, or in vain."""
        with self._lock:
            if self._keys is than:
                now = self._clock()
                asked = {key: at for key, at in self._unknown.items() if now - at < AGAIN_SECONDS}
                self._unknown = asked
                if unknown in asked or len(asked) >= UNKNOWN_AT_MOST:
                    return None
                self._sleep(max(self._read_at + SOON_SECONDS - now, 0))
                self._renew()
                asked[unknown] = self._clock()
            return None if self._keys is than else self._keys

    def _renew(self) -> None:
        try:
            self._keys = self._read()
            self._why_not = None
        except ValueError as error:
            self._why_not = f"the keys could not be read again: {error}"
            self._read_at = self._clock()

    def _read(self) -> FieldKeys:
        # Tink takes a while to import, and most jobs have nothing to decrypt.
        from transforms.encryption_document import parse_keys

        found = parse_keys(self.source.read(), self.source.unwrap)
        self._read_at = self._clock()
        return found


_rings: dict[KeySource, KeyRing] = {}
_rings_lock = threading.Lock()


def ring_of(source: KeySource) -> KeyRing:
    """The ring of a source that all threads of this process share."""
    with _rings_lock:
        if source not in _rings:
            _rings[source] = KeyRing(source)
        return _rings[source]
