"""What a consistent read is of, by what databases say while it begins."""

from __future__ import annotations

from typing import Any, cast

import pytest
import sqlalchemy
import sqlalchemy.exc

from kami.history_position import Identity, order_key_of
from kami.reconcile_moment import MAX_BEGINS, Moment, begin_mysql, begin_postgresql

A = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
Rows = list[tuple[Any, ...]]


class Database:
    """Answers queries by a part of their text: in turn, the last answer for good."""

    def __init__(self, **answers: list[Rows]) -> None:
        self._answers = answers
        self._rows: Rows = []
        self.said: list[str] = []

    def exec_driver_sql(self, query: str, *values: object) -> Database:
        self.said.append(query)
        for part, answers in self._answers.items():
            if part in query:
                self._rows = answers.pop(0) if len(answers) > 1 else answers[0]
                return self
        if "@@GLOBAL" in query or query.startswith("SHOW BINARY"):
            raise sqlalchemy.exc.DBAPIError(query, None, ValueError("it is not known"))
        self._rows = []
        return self

    def all(self) -> Rows:
        return self._rows

    def first(self) -> tuple[Any, ...] | None:
        return self._rows[0] if self._rows else None

    def scalar(self) -> object:
        return self._rows[0][0] if self._rows else None

    @property
    def begun(self) -> int:
        return sum(query.startswith("START TRANSACTION") for query in self.said)

    @property
    def connection(self) -> sqlalchemy.Connection:
        return cast("sqlalchemy.Connection", self)


def one(*values: str) -> list[Rows]:
    return [[(value,)] for value in values]


def test_mysqls_read_is_begun_anew_until_nothing_was_committed_meanwhile() -> None:
    executed = one(f"{A}:1-5", f"{A}:1-6", f"{A}:1-7", f"{A}:1-7")
    database = Database(gtid_executed=executed, gtid_owned=one(""))
    assert begin_mysql(database.connection) == Moment(f"{A}:1-7", f"{A}:1-7")
    assert database.begun == 2


def test_mysqls_read_is_begun_no_more_often_than_is_said() -> None:
    executed = one(*(f"{A}:1-{number}" for number in range(1, 100)))
    database = Database(gtid_executed=executed, gtid_owned=one(""))
    moment = begin_mysql(database.connection)
    assert database.begun == MAX_BEGINS
    assert moment == Moment(f"{A}:1-{2 * MAX_BEGINS}", f"{A}:1-{2 * MAX_BEGINS - 1}")


def test_a_transaction_that_is_being_committed_may_be_part_of_the_read() -> None:
    """It can be read a moment before gtid_executed has it."""
    owned = f"{A}:9#19:8#20"
    database = Database(gtid_executed=one(f"{A}:1-7"), gtid_owned=one(owned))
    moment = begin_mysql(database.connection)
    assert moment == Moment(f"{A}:1-7,{A}:9,{A}:8", f"{A}:1-7")
    key = order_key_of(moment.position, "mysql", [Identity(1, A)])
    assert key == order_key_of(f"{A}:1-9", "mysql", [Identity(1, A)])


@pytest.mark.parametrize(("gtids", "position"), [("0-1-9", "0-1-9"), ("", "mariadb-bin.000002:99")])
def test_mariadb_says_the_place_of_the_read_itself(gtids: str, position: str) -> None:
    status = [("Binlog_snapshot_file", "mariadb-bin.000002"), ("Binlog_snapshot_position", "99")]
    database = Database(
        **{
            "gtid_binlog_pos": one("0-1-8"),
            "SHOW STATUS": [list(status)],
            "BINLOG_GTID_POS": one(gtids),
        }
    )
    assert begin_mysql(database.connection) == Moment(position, position)
    assert database.begun == 1


def test_without_gtids_it_is_not_known_which_of_the_last_transactions_the_read_saw() -> None:
    database = Database(**{"SHOW MASTER": [[("binlog.000007", 4711)]]})
    assert begin_mysql(database.connection) == Moment("binlog.000007:4711")


def test_postgresql_says_which_transactions_the_read_saw() -> None:
    database = Database(pg_current_wal_lsn=one("0/10", "0/20"), pg_current_snapshot=one("5:9:6,8"))
    assert begin_postgresql(database.connection) == Moment("0/20", "0/10", 9, (6, 8))
