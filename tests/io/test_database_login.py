"""A database's password by reference: rotated under a lookup that goes on, and never shown."""

from __future__ import annotations

import contextlib
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from pipeline_io.database import Database, LookupAccessError, RetryPolicy
from pipeline_io.database_lookup import DatabaseLookup
from pipeline_io.lookup_table import LookupTable
from pipeline_io.secrets import Secret, SecretError

ONCE = RetryPolicy(attempts=1)
FIRST, SECOND, THIRD = "hunter-7391", "hunter-2846", "hunter-5520"
_NAMES = {"postgres_database": "postgresql", "mysql_database": "mysql"}


@contextlib.contextmanager
def reader(database: Any, kind: str) -> Iterator[str]:
    """A user of its own who may read the table users, with the password FIRST."""
    name = f"reader_{database.name[-8:]}"
    database.execute("CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20))")
    database.execute("INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob')")
    if kind == "mysql":
        database.execute(
            f"CREATE USER '{name}'@'%' IDENTIFIED BY '{FIRST}'",
            f"GRANT SELECT ON {database.name}.* TO '{name}'@'%'",
        )
    else:
        database.execute(
            f"CREATE ROLE {name} LOGIN PASSWORD '{FIRST}'", f"GRANT SELECT ON users TO {name}"
        )
    try:
        yield name
    finally:
        account = f"'{name}'@'%'" if kind == "mysql" else name
        if kind == "postgresql":
            database.execute(f"DROP OWNED BY {name}")
        database.execute(f"DROP {'USER' if kind == 'mysql' else 'ROLE'} {account}")


def rotate(database: Any, kind: str, name: str, password: str) -> None:
    """Gives the user another password, and ends the sessions that showed the old one."""
    if kind == "mysql":
        database.execute(f"ALTER USER '{name}'@'%' IDENTIFIED BY '{password}'")
        for (number,) in database.query(
            "SELECT id FROM information_schema.processlist WHERE user = %s", name
        ):
            database.execute(f"KILL {number}")
    else:
        database.execute(f"ALTER ROLE {name} PASSWORD '{password}'")
        database.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", name
        )


@pytest.mark.parametrize("server", _NAMES)
def test_a_rotated_password_is_read_again_under_a_lookup_that_goes_on(
    request: pytest.FixtureRequest, server: str, tmp_path: Path
) -> None:
    database, kind = request.getfixturevalue(server), _NAMES[server]
    file = tmp_path / "password"
    file.write_text(f"{FIRST}\n")
    with reader(database, kind) as user:
        address = f"{database.server.driver}://{database.host}:{database.port}/{database.name}"
        where = Database(address, user, Secret(f"file://{file}"))
        table = LookupTable(where, "users", ("id",), ("name",))
        lookup = pickle.loads(pickle.dumps(DatabaseLookup(table)))  # noqa: S301
        with lookup:
            assert lookup.fetch([(1,)]) == [(1, "Ann")]
            rotate(database, kind, user, SECOND)
            file.write_text(f"{SECOND}\n")
            # The session was ended by the rotation, the next one is refused the old password.
            assert lookup.fetch([(2,)]) == [(2, "Bob")]
            rotate(database, kind, user, THIRD)
            with pytest.raises(LookupAccessError) as refused:
                lookup.fetch([(1,)])
            file.unlink()
            with pytest.raises(SecretError, match="is the secret mounted there"):
                lookup.fetch([(1,)])
        trace = "".join(traceback.format_exception(refused.value))
        assert "hunter-" not in f"{where} {where!r} {lookup.query} {trace}"
        assert b"hunter-" not in pickle.dumps(lookup)


def test_an_engine_never_holds_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMIFLOW_TEST", "hunter2")
    secret = Secret("env://KAMIFLOW_TEST")
    where = Database("jdbc:postgresql://127.0.0.1:1/shop?password=hunter3", "reader", secret)
    engine = where.engine()
    with pytest.raises(sqlalchemy.exc.OperationalError):
        engine.connect()
    assert engine.url.password is None
    assert "hunter" not in f"{engine} {engine.url!r} {where!r} {where.url}"
    assert where.without_password("no entry for hunter2") == "no entry for ***"
