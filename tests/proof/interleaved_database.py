"""The modelled PostgreSQL: transactions that run at once, logged in the order of their commits.

Every change has the position in the write-ahead log at which it was written, so that positions
step back where a long transaction commits after a short one. Rows are locked until the end.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping

from tests.proof.source_log import START_MS, Coordinates, Moment, SourceLog, Statement, Transaction
from tests.proof.source_rows import Change, Key, Row, RowChanges, Rows


@dataclasses.dataclass
class _Open:
    """A transaction that runs; it has an id from its first write on."""

    id: int
    rows: list[list[Change]] = dataclasses.field(default_factory=list)
    lsns: list[int] = dataclasses.field(default_factory=list)
    locked: set[Key] = dataclasses.field(default_factory=set)
    savepoint: int | None = None
    at_savepoint: dict[Key, Row | None] = dataclasses.field(default_factory=dict)


class InterleavedDatabase:
    """A database that has just been set up, with a few rows before its first tick."""

    def __init__(self, random_numbers: random.Random, name: str, keys: list[Key]) -> None:
        self._random = random_numbers
        has_extra = random_numbers.random() < 0.6
        self._table = RowChanges(random_numbers, keys, sends_all=False, has_extra=has_extra)
        self._keys = frozenset(keys)
        self._committed: Rows = {}
        self._open: list[_Open] = []
        self._next_id = random_numbers.choice([7, 95, 990])
        self._lsn = random_numbers.choice([700, 9_000, 99_000, 0xFFFF0000])
        self._now_ms = START_MS
        self._server = 0
        self._log = SourceLog("postgresql", name, [], [], [0])

    def live(self, ticks: int, failovers: int) -> SourceLog:
        """Everything that happened until the last tick, when all transactions have ended."""
        for _ in range(self._random.randint(0, 6)):
            self._write(self._begin())
        self._end_all()
        self._keep_moment()
        failing = set(self._random.sample(range(1, ticks + 1), failovers))
        widening = self._random.randint(1, ticks)
        truncates = self._random.choice([0.0, 0.0, 0.03, 0.08])
        for tick in range(1, ticks + 1):
            self._now_ms += self._random.randint(1, 300)
            if tick in failing:
                self._restore()
            if tick == widening:
                self._end_all()
                self._table.has_extra = True
            self._step(truncates)
            if tick == ticks:
                self._end_all()
            self._keep_moment()
        return self._log

    def _step(self, truncates: float) -> None:
        kind = self._random.random()
        if kind < truncates:
            self._truncate()
        elif not self._open or (kind < 0.35 and len(self._open) < 4):
            self._write(self._begin())
        elif kind < 0.7:
            self._write(self._random.choice(self._open))
        else:
            self._end(self._random.choice(self._open))

    def _begin(self) -> _Open:
        self._open.append(_Open(self._next_id))
        self._next_id += 1
        return self._open[-1]

    def _write(self, transaction: _Open) -> None:
        if transaction.savepoint is None and self._random.random() < 0.15:
            transaction.savepoint = len(transaction.rows)
            transaction.at_savepoint = {
                key: self._table.rows.get(key) for key in transaction.locked
            }
        locked = {key for other in self._open if other is not transaction for key in other.locked}
        for _ in range(self._random.choice([1, 1, 2, 3])):
            changes = self._table.draw(frozenset(locked))
            if changes:
                self._add(transaction, changes)

    def _add(self, transaction: _Open, changes: list[Change]) -> None:
        self._lsn += self._random.randint(8, 400)
        transaction.rows.append(changes)
        transaction.lsns.append(self._lsn)
        transaction.locked |= {change.key for change in changes if change.key is not None}

    def _truncate(self) -> None:
        """Waits until nobody else has touched the table, as its lock does."""
        self._end_all()
        transaction = self._begin()
        if self._random.random() < 0.5:
            self._write(transaction)
        self._add(transaction, [self._table.truncate()])
        transaction.locked |= self._keys
        if self._random.random() < 0.5:
            self._write(transaction)

    def _end_all(self) -> None:
        while self._open:
            self._end(self._random.choice(self._open))

    def _end(self, transaction: _Open) -> None:
        self._lsn += self._random.randint(8, 100)
        self._open.remove(transaction)
        is_kept = self._random.random() > 0.12
        if is_kept and transaction.savepoint is not None and self._random.random() < 0.5:
            del transaction.rows[transaction.savepoint :], transaction.lsns[transaction.savepoint :]
            self._roll_back(transaction, transaction.at_savepoint)
        if not is_kept:
            self._roll_back(transaction, {})
            return
        for key in transaction.locked:
            _put(self._committed, key, self._table.rows.get(key))
        if not transaction.rows:
            return
        shared: Coordinates = {"txId": transaction.id, "ts_ms": self._now_ms}
        logged = Transaction([Statement(self._now_ms, transaction.rows)], shared)
        logged.places[self._server] = [
            {**shared, "lsn": lsn}
            for lsn, changes in zip(transaction.lsns, transaction.rows, strict=True)
            for _ in changes
        ]
        self._log.transactions.append(logged)

    def _roll_back(self, transaction: _Open, kept: Mapping[Key, Row | None]) -> None:
        """Puts the transaction's rows back to those of its savepoint, or of others' commits."""
        for key in transaction.locked:
            _put(self._table.rows, key, kept[key] if key in kept else self._committed.get(key))

    def _restore(self) -> None:
        """The database goes on as a new server, made from a dump: positions start over."""
        self._end_all()
        self._server += 1
        self._lsn = self._random.choice([300, 5_000])
        self._next_id = self._random.choice([5, 90])
        self._log.first_logged.append(len(self._log.transactions))

    def _keep_moment(self) -> None:
        anchor: Mapping[str, object] = {
            "lsn": self._lsn,
            "xmax": self._next_id,
            "in_progress": [transaction.id for transaction in self._open],
        }
        moment = Moment(
            dict(self._committed),
            len(self._log.transactions),
            anchor,
            self._now_ms,
            self._server,
            self._table.has_extra,
            is_quiet=not self._open,
        )
        self._log.moments.append(moment)


def _put(rows: Rows, key: Key, row: Row | None) -> None:
    if row is None:
        rows.pop(key, None)
    else:
        rows[key] = row
