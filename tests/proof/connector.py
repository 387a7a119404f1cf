"""The modelled Debezium connector and its topic: what it writes to which partition, and when.

It falls behind and catches up, sends a stretch again after it was restarted, goes on at a promoted
replica, reads the table again in mid-stream (an incremental snapshot), or loses its place, misses
changes and reads the whole table anew.
"""

from __future__ import annotations

import dataclasses
import random
import zlib

from kami.keys import key_text
from tests.proof.source_log import Coordinates, Moment, SourceLog
from tests.proof.source_rows import Change, Row


@dataclasses.dataclass(frozen=True)
class Record:
    """A record of the topic. `event` is the same whenever the change is sent again, and `life`
    counts how often the source's positions have started over, where a person must say so."""

    partition: int
    offset: int
    sent: int
    change: Change
    source: Coordinates
    snapshot: str
    ts_ms: int
    life: int
    event: str


@dataclasses.dataclass(frozen=True)
class Topic:
    """The records in the order in which they were sent; `lives` are the ticks at which another
    life began: everything older must have been read by then."""

    partitions: int
    records: list[Record]
    lives: list[int]
    start: int
    """The tick at which the connector began."""
    has_snapshot: bool
    """The connector read the table when it began."""
    lost_its_place: bool
    """It missed changes that only its second snapshot tells."""


class Connector:
    """Reads one source log into a topic. `may_lose_its_place` allows missed changes."""

    def __init__(
        self, random_numbers: random.Random, log: SourceLog, *, may_lose_its_place: bool
    ) -> None:
        self._random = random_numbers
        self._log = log
        self._is_postgresql = log.flavour == "postgresql"
        self._flat = [
            (number, index)
            for number, transaction in enumerate(log.transactions)
            for index in range(len(transaction.changes))
        ]
        self._starts = [0]
        for transaction in log.transactions:
            self._starts.append(self._starts[-1] + len(transaction.changes))
        self._offsets = [0] * random_numbers.choice([1, 2, 3, 4])
        self._has_truncate = False
        self._cursor = self._floor = self._furthest = 0
        self._server = 0
        self._tick = 0
        self._may_lose_its_place = may_lose_its_place and random_numbers.random() < 0.7
        self._lost_its_place = False
        self._topic = Topic(len(self._offsets), [], [], 0, False, False)

    def run(self) -> Topic:
        """All that the topic holds when everything was sent."""
        moments = self._log.moments
        start, has_snapshot = self._begin()
        catches_up = self._random.choice([0.15, 0.5, 0.9])
        for tick in range(start + 1, len(moments)):
            self._tick = tick
            self._follow_server(moments[tick])
            if self._may_lose_its_place and tick > 10:
                self._lose_its_place(moments[tick])
            if tick + 1 == len(moments) or self._random.random() < catches_up:
                self._send_until(self._starts[moments[tick].logged])
                # A transaction that is open now may have written before the newest position sent.
                if self._random.random() < 0.08:
                    self._read_again(moments[tick])
            if self._random.random() < 0.08:
                self._go_back()
        self._send_until(len(self._flat))
        return dataclasses.replace(
            self._topic,
            start=start,
            has_snapshot=has_snapshot,
            lost_its_place=self._lost_its_place,
        )

    def _begin(self) -> tuple[int, bool]:
        moments = self._log.moments
        has_snapshot = self._random.random() < 0.6
        start = self._random.choice([0, 0, 1, 3, 6])
        while not moments[start].is_quiet:
            start -= 1
        self._server = moments[start].server
        # Only a snapshot of the table could tell the rows from before the connector began, and it
        # would rank above the rows that are read anew without coordinates.
        self._may_lose_its_place &= has_snapshot or self._is_postgresql
        later = start + 2
        if has_snapshot and self._random.random() < 0.3 and self._can_repeat(start, later):
            # The first attempt ended half-way.
            rows = list(moments[start].rows.values())
            self._read_rows(rows[: self._random.randint(0, len(rows))], moments[start], "true")
            start = later
        if has_snapshot:
            self._tick = start
            self._read_rows(list(moments[start].rows.values()), moments[start], "true")
        self._cursor = self._floor = self._starts[moments[start].logged]
        return start, has_snapshot

    def _can_repeat(self, start: int, later: int) -> bool:
        """What vanished between two snapshots no record tells: no connector's log is right then."""
        first, second = self._log.moments[start], self._log.moments[later]
        is_same = first.server == second.server and second.is_quiet
        return is_same and not set(first.rows) - set(second.rows)

    def _follow_server(self, moment: Moment) -> None:
        if moment.server == self._server:
            return
        available = self._starts[self._log.first_logged[moment.server]]
        self._send_until(max(self._cursor, available))
        self._server = moment.server
        if self._log.flavour in ("mysql_file", "postgresql"):
            self._topic.lives.append(self._tick)
        back = self._random.choice([0, 3, 12])
        self._floor = max(self._floor, available)
        self._cursor = max(self._floor, self._cursor - back)

    def _send_until(self, end: int) -> None:
        for number, index in self._flat[self._cursor : end]:
            transaction = self._log.transactions[number]
            place = transaction.places[self._server][index]
            self._send(transaction.changes[index], place, "false", f"{number}.{index}")
        self._cursor = max(self._cursor, end)
        self._furthest = max(self._furthest, end)

    def _go_back(self) -> None:
        """Kafka Connect was killed: what it had not noted as sent, it sends again."""
        target = max(self._floor, self._cursor - self._random.choice([1, 4, 15]))
        if self._is_postgresql and target < len(self._flat):
            # A replication slot goes back to the end of a transaction.
            target = max(self._floor, self._starts[self._flat[target][0]])
        self._cursor = min(self._cursor, target)

    def _read_again(self, moment: Moment) -> None:
        rows = list(moment.rows.values())
        chosen = self._random.sample(rows, self._random.randint(0, len(rows)))
        self._read_rows(chosen, moment, "incremental")

    def _lose_its_place(self, moment: Moment) -> None:
        """Misses what it has not read yet, where the rows read anew can still tell the rest."""
        missed = self._flat[self._cursor : self._starts[moment.logged]]
        changes = [self._log.transactions[number].changes[index] for number, index in missed]
        vanished = any(change.op in ("d", "t") for change in changes)
        if not missed or vanished or not moment.is_quiet or self._cursor < self._furthest:
            return
        # Rows without coordinates rank just above the newest record of their partition: nothing
        # tells that they are newer than a truncate, which may be in another one.
        if not self._is_postgresql and self._has_truncate:
            return
        self._may_lose_its_place, self._lost_its_place = False, True
        self._cursor = self._floor = self._starts[moment.logged]
        self._read_rows(list(moment.rows.values()), moment, "true")

    def _read_rows(self, rows: list[Row], moment: Moment, snapshot: str) -> None:
        for row in rows:
            change = Change("r", row.key, None, row, has_extra=moment.has_extra)
            self._send(change, self._place(moment, snapshot), snapshot, "r")

    def _place(self, moment: Moment, snapshot: str) -> Coordinates:
        """Coordinates of rows that were read: with GTIDs, and in incremental snapshots, none."""
        place: dict[str, object] = {"ts_ms": moment.now_ms}
        if self._is_postgresql:
            if snapshot != "incremental":
                place["lsn"] = moment.anchor["lsn"]
        else:
            place |= {"file": "binlog.000001", "pos": 4, "row": 0}
        return place

    def _send(self, change: Change, source: Coordinates, snapshot: str, event: str) -> None:
        partitions = self._topic.partitions
        if change.key is None:
            partition = self._random.randrange(partitions)
            self._has_truncate = True
        else:
            partition = zlib.crc32(key_text(change.key._asdict()).encode()) % partitions
        moment = self._log.moments[min(self._tick, len(self._log.moments) - 1)]
        self._topic.records.append(
            Record(
                partition,
                self._offsets[partition],
                self._tick,
                change,
                source,
                snapshot,
                moment.now_ms,
                len(self._topic.lives),
                f"r{len(self._topic.records)}" if event == "r" else event,
            )
        )
        # A delete is followed by a tombstone, which the log leaves out.
        self._offsets[partition] += 2 if change.op == "d" else 1
