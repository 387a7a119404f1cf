"""The modelled MySQL and MariaDB: one transaction after the other in a binary log.

Positions and file names grow over the lengths of their texts. A promoted replica has its own files,
which begin at 1, and holds its predecessor's last transactions at positions of its own. Times are
a statement's start in whole seconds, or with GTIDs the commit by the server's own clock.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from tests.proof.source_log import (
    START_MS,
    Coordinates,
    Flavour,
    Moment,
    SourceLog,
    Statement,
    Transaction,
)
from tests.proof.source_rows import Key, RowChanges

MOST_FAILOVERS = 2


class SerialDatabase:
    """A database that has just been set up, with a few transactions before its first tick."""

    def __init__(
        self, random_numbers: random.Random, flavour: Flavour, name: str, keys: list[Key]
    ) -> None:
        self._random = random_numbers
        self._flavour = flavour
        has_extra = random_numbers.random() < 0.6
        self._table = RowChanges(random_numbers, keys, sends_all=True, has_extra=has_extra)
        self._identities = self._some_identities()
        self._number = random_numbers.choice([0, 4, 8, 97, 998])
        self._last: dict[str, int] = {}
        self._server = 0
        self._file = random_numbers.choice([1, 9, 99, 999_999])
        self._position = random_numbers.choice([4, 800, 9_000, 99_000])
        self._now_ms = START_MS
        self._skew_ms = 0
        self._log = SourceLog(flavour, name, [], [], [0])

    def live(self, ticks: int, failovers: int) -> SourceLog:
        """Everything that happened until the last tick."""
        for _ in range(self._random.randint(0, 4)):
            self._transaction()
        self._keep_moment()
        failing = set(self._random.sample(range(1, ticks + 1), failovers))
        widening = self._random.randint(1, ticks)
        truncates = self._random.choice([0.0, 0.0, 0.04, 0.1])
        for tick in range(1, ticks + 1):
            self._now_ms += self._random.randint(20, 900)
            if tick in failing:
                self._fail_over()
            if tick == widening:
                self._table.has_extra = True
            if self._random.random() < truncates:
                self._commit([Statement(self._now_ms, [[self._table.truncate()]])])
            else:
                self._transaction()
            self._keep_moment()
        return self._log

    def _transaction(self) -> None:
        before = dict(self._table.rows)
        statements = []
        for _ in range(self._random.choice([1, 1, 1, 2, 3])):
            # A statement that waits for a lock stands later in the log than its start tells.
            started = self._now_ms - self._random.choice([0, 0, 0, 700, 4_000])
            rows = [self._table.draw() for _ in range(self._random.choice([1, 1, 2, 3]))]
            statements.append(Statement(started, rows))
        if self._random.random() < 0.1:
            self._table.rows = before
        else:
            self._commit(statements)

    def _commit(self, statements: list[Statement]) -> None:
        self._number += 1
        identity = self._identities[self._server]
        self._last[identity] = self._number
        shared: Coordinates = {}
        if self._flavour == "mysql_gtid":
            committed = self._now_ms + self._skew_ms
            shared = {"gtid": f"{identity}:{self._number}", "ts_ms": committed}
        elif self._flavour == "mariadb":
            shared = {"gtid": f"{identity}-{self._server + 1}-{self._number}"}
        transaction = Transaction(statements, shared)
        self._write(transaction)
        self._log.transactions.append(transaction)

    def _write(self, transaction: Transaction) -> None:
        """Puts the transaction into the present server's binary log."""
        places: list[Coordinates] = []
        if self._random.random() < 0.1:
            self._file, self._position = self._file + 1, 4
        for statement in transaction.statements:
            self._position += self._random.randint(40, 2_000)
            place = {
                "ts_ms": statement.started_ms // 1000 * 1000,
                "file": f"binlog.{self._file:06d}",
                "pos": self._position,
                **transaction.shared,
            }
            for row, changes in enumerate(statement.rows):
                places += [{**place, "row": row} for _ in changes]
        self._position += 31
        transaction.places[self._server] = places

    def _fail_over(self) -> None:
        """A replica takes over: it has all transactions, the last of them in its own log."""
        was = self._identities[self._server]
        self._server += 1
        self._file, self._position = 1, 4
        self._skew_ms = self._random.randint(-3_000, 3_000)
        logged = len(self._log.transactions)
        self._log.first_logged.append(self._random.randint(0, logged))
        for transaction in self._log.transactions[self._log.first_logged[-1] :]:
            self._write(transaction)
        if self._identities[self._server] != was:
            self._number = self._random.choice([0, 0, 5])

    def _keep_moment(self) -> None:
        moment = Moment(
            dict(self._table.rows),
            len(self._log.transactions),
            self._anchor(),
            self._now_ms + self._skew_ms,
            self._server,
            self._table.has_extra,
        )
        self._log.moments.append(moment)

    def _anchor(self) -> Mapping[str, object]:
        if self._flavour == "mysql_file":
            return {"file": f"binlog.{self._file:06d}", "pos": self._position}
        if self._flavour == "mysql_gtid":
            # MySQL prints the servers by their names, not by their turns.
            executed = ",".join(
                f"{identity}:1-{self._last[identity]}" for identity in sorted(self._last)
            )
            return {"gtid_executed": executed, "server_uuid": self._identities[self._server]}
        domains = [f"{domain}-1-{last}" for domain, last in self._last.items()]
        return {"gtid_binlog_pos": ",".join(domains)}

    def _some_identities(self) -> list[str]:
        """What leads the GTIDs of each server in turn; servers of MariaDB may share a domain."""
        if self._flavour == "mariadb":
            first, second = self._random.sample(["0", "1", "7", "10"], 2)
            return self._random.choice(
                [[first] * 3, [first, first, second], [first, second, second]]
            )
        digits = "".join(self._random.choice("0123456789abcdef") for _ in range(12))
        heads = self._random.sample(range(16), MOST_FAILOVERS + 1)
        return [f"{head:x}0000000-0000-4000-8000-{digits}" for head in heads]
