"""Reaching, checking and retrying a database."""

import sqlite3
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy.exc

from pipeline_io.database import (
    Database,
    LookupAccessError,
    LookupQueryError,
    LookupUnavailable,
    RefusedKeyError,
    RetryPolicy,
    describe_columns,
    with_retries,
)
from pipeline_io.database_errors import Recovery, classify

PASSWORD = "hunter2"  # noqa: S105
POSTGRES = Database("jdbc:postgresql://h/d", "u", PASSWORD)
ONCE = RetryPolicy(attempts=1)


class DriverError(Exception):
    """An error of a driver, with the state that psycopg's have or the number of MySQL's."""

    def __init__(self, *args: object, sqlstate: str | None = None) -> None:
        super().__init__(*args)
        self.sqlstate = sqlstate


def operational(original: Exception) -> sqlalchemy.exc.DBAPIError:
    return sqlalchemy.exc.OperationalError("SELECT 1", {}, original)


def failing(times: int, error: Exception) -> Callable[[], str]:
    remaining = [error] * times

    def work() -> str:
        if remaining:
            raise remaining.pop()
        return "done"

    return work


def never(seconds: float) -> None:
    message = f"slept {seconds} seconds"
    raise AssertionError(message)


@pytest.fixture
def users(tmp_path: Path) -> Database:
    path = tmp_path / "my users.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE users (id INTEGER, name TEXT, price DECIMAL(10, 2), x)")
    connection.execute("CREATE VIEW rich_users AS SELECT id FROM users")
    connection.close()
    return Database(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("error", "recovery"),
    [
        (operational(DriverError(sqlstate="08006")), Recovery.RETRY),
        (operational(DriverError(sqlstate="57P01")), Recovery.RETRY),
        (operational(DriverError(sqlstate="53300")), Recovery.RETRY),
        (operational(DriverError(sqlstate="40P01")), Recovery.RETRY),
        (operational(DriverError(sqlstate="28P01")), Recovery.ACCESS),
        (operational(DriverError(sqlstate="42501")), Recovery.ACCESS),
        (operational(DriverError(sqlstate="42P01")), Recovery.QUERY),
        (operational(DriverError(sqlstate="22P02")), Recovery.REFUSED_VALUE),
        (operational(DriverError("connection failed: Connection refused")), Recovery.RETRY),
        (operational(DriverError('FATAL: role "u" does not exist')), Recovery.ACCESS),
        (operational(DriverError('FATAL: database "d" does not exist')), Recovery.QUERY),
        (operational(DriverError(2003, "Can't connect")), Recovery.RETRY),
        (operational(DriverError(2013, "Lost connection")), Recovery.RETRY),
        (operational(DriverError(1045, "Access denied")), Recovery.ACCESS),
        (operational(DriverError(1049, "Unknown database")), Recovery.QUERY),
        (operational(DriverError(1054, "Unknown column")), Recovery.QUERY),
        (operational(sqlite3.OperationalError("database is locked")), Recovery.RETRY),
        (operational(sqlite3.OperationalError("unable to open database file")), Recovery.RETRY),
        (operational(sqlite3.OperationalError("no such table: x")), Recovery.QUERY),
        (sqlalchemy.exc.DataError("", {}, DriverError("NUL")), Recovery.REFUSED_VALUE),
        (sqlalchemy.exc.InterfaceError("", {}, DriverError(0, "")), Recovery.RETRY),
        (sqlalchemy.exc.ProgrammingError("", {}, DriverError("x")), Recovery.QUERY),
        (sqlalchemy.exc.TimeoutError("pool"), Recovery.RETRY),
        (sqlalchemy.exc.CompileError("x"), Recovery.QUERY),
        (ConnectionResetError("peer"), Recovery.RETRY),
        # PyMySQL tells the state besides, which says less than the number.
        (operational(DriverError(1205, "lock wait", sqlstate="HY000")), Recovery.RETRY),
        (operational(DriverError(1142, "denied", sqlstate="42000")), Recovery.ACCESS),
    ],
)
def test_an_error_is_sorted_by_what_can_be_done(error: Exception, recovery: Recovery) -> None:
    assert classify(error) is recovery


def test_a_broken_connection_is_worth_a_retry_whatever_the_driver_says() -> None:
    error = sqlalchemy.exc.ProgrammingError("", {}, DriverError("x"), connection_invalidated=True)

    assert classify(error) is Recovery.RETRY


def test_a_database_that_comes_back_is_asked_again_after_growing_delays() -> None:
    delays: list[float] = []
    retries: list[None] = []
    work = failing(3, operational(DriverError("refused")))

    done = with_retries(
        work, POSTGRES, "table t", RetryPolicy(4), delays.append, lambda: retries.append(None)
    )

    assert done == "done"
    assert len(delays) == len(retries) == 3
    assert all(0 <= delay <= 0.5 * 2**number for number, delay in enumerate(delays))


def test_a_database_that_stays_away_stops_with_attempts_and_what_to_do() -> None:
    delays: list[float] = []
    work = failing(9, operational(DriverError(f"refused for u:{PASSWORD}")))

    with pytest.raises(LookupUnavailable) as caught:
        with_retries(work, POSTGRES, "table t", RetryPolicy(4), delays.append)

    message = str(caught.value)
    assert len(delays) == 3
    assert "postgresql+psycopg://u:***@h/d is unavailable" in message
    assert "table t was tried 4 times" in message
    assert "check that the database is up" in message


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        (DriverError(1045, f"no {PASSWORD}"), LookupAccessError),
        (DriverError(1146, f"no {PASSWORD}"), LookupQueryError),
        (DriverError(f"no {PASSWORD}", sqlstate="22P02"), RefusedKeyError),
    ],
)
def test_what_a_retry_does_not_mend_stops_at_once(
    original: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(expected) as caught:
        with_retries(failing(1, operational(original)), POSTGRES, "t", RetryPolicy(), never)

    assert "no ***" in str(caught.value)


def test_no_password_is_in_logs_and_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    error = operational(DriverError(f"cannot reach u:{PASSWORD}"))

    with pytest.raises(LookupUnavailable) as caught:
        with_retries(failing(9, error), POSTGRES, "t", RetryPolicy(3), lambda _: None)

    assert "attempt 2 of 3" in caplog.text
    assert PASSWORD not in caplog.text
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_columns_are_described_with_their_types(users: Database) -> None:
    assert describe_columns(users, "users") == {
        "id": "INTEGER",
        "name": "TEXT",
        "price": "DECIMAL(10, 2)",
        "x": "NULL",
    }
    assert list(describe_columns(users, "main.rich_users")) == ["id"]


def test_a_missing_table_is_told_with_the_nearest_names(users: Database) -> None:
    with pytest.raises(LookupQueryError, match=r"no table 'user'; .* users, rich_users"):
        describe_columns(users, "user")


def test_a_missing_file_is_unavailable_and_not_created(tmp_path: Path) -> None:
    path = tmp_path / "none.db"

    with pytest.raises(LookupUnavailable, match=r"none\.db.* is unavailable"):
        describe_columns(Database(f"jdbc:sqlite:{path}"), "users", ONCE)

    assert not path.exists()


def test_a_connection_cannot_write(users: Database) -> None:
    engine = users.engine()

    with (
        engine.connect() as connection,
        pytest.raises(sqlalchemy.exc.OperationalError, match="readonly"),
    ):
        connection.exec_driver_sql("DELETE FROM users")
