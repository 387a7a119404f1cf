"""The lives of one database's log, and which events cannot be placed in them.

A server's transactions are ordered by their numbers, and servers by when their first event came.
Two things would be ordered wrong without a word: a server that comes back after another one took
over, and one whose events are met only after those of its successor.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from transforms.incarnation import MAX_ORDINAL, Incarnation, Incarnations

TOLERANCE_SECONDS = 1
"""Servers' clocks, and MariaDB's and old MySQL's whole seconds, may differ by this much."""

_SERVER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-")
_UUID_LENGTH = 36


class Life(NamedTuple):
    """One life of a log: `identity` is a GTID's server uuid or domain, '' counted by hand."""

    ordinal: int
    identity: str
    first_seen: datetime.datetime | None


class OneSource(Incarnations):
    """The incarnations of one database, whatever its connectors are called: one that is set up
    anew under another name reads the log of the same servers. Pickles; for one thread."""

    def __init__(self, source: str, lives: Iterable[Life] = ()) -> None:
        self.source = source
        self._first: dict[int, datetime.datetime] = {}
        self._servers: dict[str, int] = {}
        known = list(lives)
        super().__init__(Incarnation(source, life.ordinal, life.identity) for life in known)
        for life in known:
            self._remember(life)

    def counted_by_hand(self, source: str) -> int:
        return super().counted_by_hand(self.source)

    def register(self, identity: str, first_seen: datetime.datetime) -> None:
        """Counts a server whose first event is known, if it is new."""
        before = len(self.lives)
        ordinal = self.ordinal(self.source, identity)
        if len(self.lives) > before or ordinal not in self._first:
            self._remember(Life(ordinal, identity, first_seen))

    @property
    def lives(self) -> list[Incarnation]:
        return self._by_source.get(self.source, [])

    def in_order(self, identity: str) -> int | None:
        """The ordinal of a GTID's identity none of whose events can be refused: it is known, and
        no other server came after it. None where that takes a closer look."""
        server = identity.partition(":")[0]
        if _SERVER.match(server) and self._servers.get(server) != max(
            self._servers.values(), default=None
        ):
            return None
        for known in self.lives:
            if known.identity.partition(":")[0] == server:
                fits = known.identity == identity and known.ordinal <= MAX_ORDINAL
                return known.ordinal if fits else None
        return None

    def take_lives(self, keys: pl.Series, ts_ms: pl.Series) -> list[Life]:
        """The lives that were added since the last call; first_seen is of the earliest of these
        events (order keys, and milliseconds by the source's clock) that belongs to one."""
        lives = []
        for new in self.take_new():
            first = self._first.get(new.ordinal)
            if first is None:
                ours = keys.str.starts_with(f"{new.ordinal:04x}/").fill_null(False)
                first = _moment(ts_ms.filter(ours).min())
            life = Life(new.ordinal, new.identity, first)
            self._remember(life)
            lives.append(life)
        return lives

    def refused(self, gtid: pl.Series, ts_ms: pl.Series) -> pl.Series | None:
        """Why events cannot be ordered (String, NULL for those that can); None where all can."""
        if not self._servers:
            return None
        servers = gtid.str.slice(0, _UUID_LENGTH).str.to_lowercase()
        newest = max(self._servers.values())
        found = None
        for server in servers.unique().drop_nulls():
            ordinal = self._servers.get(server)
            if ordinal == newest or not _SERVER.match(server):
                continue
            wrong, message = (
                self._met_late(server, newest)
                if ordinal is None
                else self._came_back(server, ordinal)
            )
            if wrong is None:
                continue
            limit, below = wrong
            rows = (servers == server).fill_null(False) & (
                (ts_ms < limit) if below else (ts_ms > limit)
            ).fill_null(False)
            if rows.any():
                found = (
                    pl.Series("", [None], dtype=pl.String).new_from_index(0, len(gtid))
                    if found is None
                    else found
                )
                found = found.scatter(rows.arg_true(), message)
        return found

    def _came_back(self, server: str, ordinal: int) -> tuple[tuple[int, bool] | None, str]:
        later = sorted(other for other in self._servers.values() if other > ordinal)
        first = self._first.get(later[0]) if later else None
        message = (
            f"source.gtid is of the server {server}, incarnation {ordinal}, and the event is later "
            f"than the first one of incarnation {later[0] if later else None}: a server that came "
            "back (fail-back) has no place in the order; take a new snapshot under another "
            "--source_name and read its log from there"
        )
        return (None if first is None else (_milliseconds(first) + _TOLERANCE, False)), message

    def _met_late(self, server: str, newest: int) -> tuple[tuple[int, bool] | None, str]:
        first = self._first.get(newest)
        message = (
            f"source.gtid is of the server {server}, which was not met before, and the event is "
            f"earlier than the first one of incarnation {newest}: incarnations are counted in "
            "their order, and there is none left below; read all topics from their start into "
            "another --source_name"
        )
        return (None if first is None else (_milliseconds(first) - _TOLERANCE, True)), message

    def _remember(self, life: Life) -> None:
        if life.first_seen is not None:
            self._first[life.ordinal] = life.first_seen
        server = life.identity.partition(":")[0]
        if _SERVER.match(server):
            # A server that was counted again has its newest ordinal.
            self._servers[server] = max(life.ordinal, self._servers.get(server, 0))


_TOLERANCE = 1_000 * TOLERANCE_SECONDS
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def _milliseconds(moment: datetime.datetime) -> int:
    return (moment - _EPOCH) // datetime.timedelta(milliseconds=1)


def _moment(milliseconds: object) -> datetime.datetime | None:
    if not isinstance(milliseconds, int):
        return None
    try:
        return _EPOCH + datetime.timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
