"""The lives of a source database's log, numbered in the order in which they were seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MAX_ORDINAL = 0xFFFF
"""What the four hex digits of an order key hold."""


class Incarnation(NamedTuple):
    """One life of the log of `source`, a Debezium logical name (`source.name`).

    `identity` is the GTID's server uuid (with ':tag' when tagged) or the GTID's domain in MariaDB;
    '' for one that was counted by hand. `ordinal` leads the order keys.
    """

    source: str
    ordinal: int
    identity: str


class TaggedGtidError(ValueError):
    """A GTID that cannot be ordered against those of the same server with another tag."""


class Incarnations:
    """The incarnations of every source that a reader has met; pickles, not thread-safe.

    Ordinals of identities count from 1 a source; 0 is the log before the first of them, so that
    a source whose GTIDs were switched on later stays in order. Seed it with what is stored, and
    store what `take_new` yields: ordinals that are forgotten are given out in another order.
    """

    def __init__(self, known: Iterable[Incarnation] = ()) -> None:
        self._by_source: dict[str, list[Incarnation]] = {}
        self._new: list[Incarnation] = []
        for incarnation in sorted(known, key=lambda known: known.ordinal):
            self._by_source.setdefault(incarnation.source, []).append(incarnation)

    def ordinal(self, source: str, identity: str) -> int:
        """The ordinal of a GTID's identity, a new one when it was never seen.

        Raises:
            TaggedGtidError: the same server was seen with another tag. Each tag has its own
                transaction numbers, so that nothing says which of two transactions came first.
        """
        server, _, _ = identity.partition(":")
        for known in self._by_source.get(source, []):
            if known.identity == identity:
                return known.ordinal
            if known.identity and known.identity.partition(":")[0] == server:
                message = (
                    f"the GTID identity {identity!r} of source {source!r} counts apart from "
                    f"{known.identity!r}, which was seen before: expected one tag a server, since "
                    "transaction numbers of different tags have no order; set one tag for all "
                    "sessions, or take a new snapshot under another source name"
                )
                raise TaggedGtidError(message)
        return self._add(source, identity).ordinal

    def counted_by_hand(self, source: str) -> int:
        """The ordinal for log positions without a GTID: 0, or the newest that `add` gave."""
        by_hand = [known.ordinal for known in self._by_source.get(source, []) if not known.identity]
        return by_hand[-1] if by_hand else 0

    def add(self, source: str) -> Incarnation:
        """Counts a new life of a log without GTIDs: positions from now on start over."""
        return self._add(source, "")

    def sources_ahead_by_gtid(self) -> list[str]:
        """Sources whose newest incarnation has a GTID: a position without one is behind it."""
        return [source for source, known in self._by_source.items() if known[-1].identity]

    def take_new(self) -> list[Incarnation]:
        """The incarnations that were added since the last call, oldest first."""
        new, self._new = self._new, []
        return new

    def _add(self, source: str, identity: str) -> Incarnation:
        known = self._by_source.setdefault(source, [])
        incarnation = Incarnation(source, known[-1].ordinal + 1 if known else 1, identity)
        known.append(incarnation)
        self._new.append(incarnation)
        return incarnation
