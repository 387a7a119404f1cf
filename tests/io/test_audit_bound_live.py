"""Rows that are committed late, on real PostgreSQL and MySQL: none is missed."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline_io.audit_database import SqlAuditDatabase
from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_tables import UPDATED_US, Cursor, Shard, TableRequest
from pipeline_io.database import Database
from tests.io.audit_late import OurPoller, PlainPoller, session, together, write_at_random
from tests.io.audit_polling import order
from tests.stack.databases import Database as ServerDatabase

POSTGRESQL = (
    "CREATE TABLE orders (id integer PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now(), "
    "note text)",
    "CREATE INDEX ON orders (updated_at, id)",
)
MYSQL = (
    "CREATE TABLE orders (id integer PRIMARY KEY, "
    "updated_at datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), note text, "
    "KEY (updated_at, id))",
)
INSERT = "INSERT INTO orders (id) VALUES (%s)"


@pytest.fixture(params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> ServerDatabase:
    kind = request.param
    found: ServerDatabase = request.getfixturevalue(
        "postgres_database" if kind == "postgresql" else "mysql_database"
    )
    found.execute(*(POSTGRESQL if kind == "postgresql" else MYSQL))
    return found


@pytest.fixture
def ours(server: ServerDatabase, tmp_path: Path) -> Iterator[OurPoller]:
    poller = OurPoller(server, tmp_path)
    yield poller
    poller.close()


def test_a_row_that_is_committed_after_a_poll_passed_its_time_is_missed_by_plain_polling_alone(
    server: ServerDatabase, ours: OurPoller
) -> None:
    plain = PlainPoller(server)
    with session(server) as late:
        late.exec_driver_sql(INSERT, (1,))
        time.sleep(1.2)
        server.execute("INSERT INTO orders (id) VALUES (2)")
        plain.poll()
        time.sleep(2.5)
        ours.poll()
        bound = ours.poll_of_orders.bound
        assert bound is not None
        assert "is open since" in bound.why
        assert ours.seen == set()
        late.commit()
    plain.poll()
    ours.until(lambda: len(ours.seen) == 2)

    assert plain.seen == {2}
    assert ours.seen == {1, 2}


def test_no_row_is_missed_among_transactions_that_commit_in_any_order(
    server: ServerDatabase, ours: OurPoller
) -> None:
    plain = PlainPoller(server)
    writers = together(
        *(functools.partial(write_at_random, server, 100 * each, INSERT, 8) for each in range(3))
    )
    while any(writer.is_alive() for writer in writers):
        plain.poll()
        ours.poll()
        time.sleep(0.1)
    for writer in writers:
        writer.join()
    plain.poll()
    there = {row[0] for row in server.query("SELECT id FROM orders")}
    ours.until(lambda: ours.seen >= there)

    assert ours.seen == there
    assert len(ours.changes) == len(there)
    assert plain.seen < there


def test_versions_within_one_second_of_a_column_of_seconds_are_all_told(
    server: ServerDatabase, ours: OurPoller
) -> None:
    time_now = "updated_at = date_trunc('second', now())"
    if server.url.startswith("mysql"):
        time_now = "updated_at = NOW()"
    update = f"UPDATE orders SET {time_now}, note = 'VERSION' WHERE id > 0"  # noqa: S608
    for key in range(5):
        server.execute(INSERT.replace("%s", str(key)), update.replace("VERSION", str(key)))
        ours.poll()
        time.sleep(0.2)
    there = dict(server.query("SELECT id, note FROM orders"))

    def are_told() -> bool:
        last = {change["id"]: change["note"] for change in sorted(ours.changes, key=order)}
        return last == there

    ours.until(are_told)


def test_a_prepared_transaction_of_postgresql_holds_the_bound_until_it_ends(
    postgres_database: ServerDatabase, tmp_path: Path
) -> None:
    server = postgres_database
    server.execute(*POSTGRESQL)
    if int(server.query("SHOW max_prepared_transactions")[0][0]) == 0:
        pytest.skip("the server has max_prepared_transactions = 0")
    ours = OurPoller(server, tmp_path)
    ours.poll()
    with session(server) as late:
        late.exec_driver_sql(INSERT, (1,))
        late.exec_driver_sql("PREPARE TRANSACTION 'late'")
    server.execute("INSERT INTO orders (id) VALUES (2)")
    time.sleep(2.2)
    ours.poll()
    bound = ours.poll_of_orders.bound
    assert bound is not None
    assert "the prepared transaction 'late'" in bound.why
    assert ours.seen == set()
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT PREPARED 'late'")
    ours.until(lambda: ours.seen == {1, 2})
    ours.close()


def test_a_user_of_postgresql_that_sees_no_transactions_is_told_the_grant(
    postgres_database: ServerDatabase,
) -> None:
    server = postgres_database
    user = f"reader_{server.name}"
    server.execute(
        *POSTGRESQL,
        f"CREATE ROLE {user} LOGIN PASSWORD 'x'",
        f"GRANT SELECT ON orders TO {user}",
    )
    try:
        address = Database(server.url, user, "x")
        database = SqlAuditDatabase(address)
        with pytest.raises(AuditError, match=f'GRANT pg_read_all_stats TO "{user}"'):
            database.upper_bound()
        without = SqlAuditDatabase(address, transactions="ignored", overlap_seconds=7)
        assert "the clock less 7 s: open transactions are ignored" in without.upper_bound().why
        server.execute(f"GRANT pg_read_all_stats TO {user}")
        with session(server) as writer:
            writer.exec_driver_sql(INSERT, (1,))
            time.sleep(1.1)
            bound = database.upper_bound()
            assert bound.why.startswith("a transaction of kamiflow (no application_name, pid ")
            assert bound.us < bound.now_us - 1_000_000
        reader = SqlAuditDatabase(address, readers=["kamiflow"])
        with session(server) as writer:
            writer.exec_driver_sql(INSERT, (2,))
            assert reader.upper_bound().why == "the clock"
        for each in (database, without, reader):
            each.close()
    finally:
        server.execute(f"DROP OWNED BY {user}", f"DROP ROLE {user}")


def test_a_user_of_mysql_that_sees_no_transactions_is_told_the_grant(
    mysql_database: ServerDatabase,
) -> None:
    server = mysql_database
    user = f"r_{server.name}"
    server.execute(
        *MYSQL,
        f"CREATE USER '{user}'@'%' IDENTIFIED BY 'x'",
        f"GRANT SELECT ON {server.name}.orders TO '{user}'@'%'",
    )
    try:
        database = SqlAuditDatabase(Database(server.url, user, "x"))
        with pytest.raises(AuditError, match=rf"GRANT PROCESS ON \*\.\* TO '{user}'@'%'"):
            database.upper_bound()
        server.execute(f"GRANT PROCESS ON *.* TO '{user}'@'%'")
        database.close()
        # A transaction that only reads holds nothing back.
        with session(server) as reader:
            reader.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            assert database.upper_bound().why == "the clock"
        database.close()
    finally:
        server.execute(f"DROP USER '{user}'@'%'")


def test_a_statement_of_mysql_that_waits_before_its_transaction_begins_holds_the_bound(
    mysql_database: ServerDatabase, tmp_path: Path
) -> None:
    server = mysql_database
    server.execute(*MYSQL)
    ours = OurPoller(server, tmp_path)
    with session(server) as locker:
        locker.exec_driver_sql("LOCK TABLES orders READ")
        (writer,) = together(lambda: server.execute("INSERT INTO orders (id) VALUES (1)"))
        time.sleep(3)
        bound = ours.database.upper_bound()
        assert "is open since" in bound.why
        assert bound.us < bound.now_us - 3_000_000
        locker.exec_driver_sql("UNLOCK TABLES")
        writer.join()
    ours.until(lambda: ours.seen == {1})
    ours.close()


def test_times_are_those_of_their_zone(
    postgres_database: ServerDatabase, mysql_database: ServerDatabase
) -> None:
    us = 1_784_548_800_000_000  # 2026-07-20T12:00:00Z
    request = TableRequest("orders", "updated_at")
    for server, kind, zone, told in [
        (postgres_database, "timestamp", "Europe/Berlin", "2026-07-20 14:00:00"),
        (mysql_database, "datetime", "America/New_York", "2026-07-20 08:00:00"),
    ]:
        server.execute(
            f"CREATE TABLE orders (id integer PRIMARY KEY, updated_at {kind})",
            f"INSERT INTO orders VALUES (1, '{told}')",  # noqa: S608
        )
        database = SqlAuditDatabase(Database(server.url), zone=zone)
        table = database.describe(request)
        read = functools.partial(database.changed, table, Shard())
        assert [batch[UPDATED_US].to_pylist() for batch in read(None, us)] == [[us]]
        assert [batch.num_rows for batch in read(Cursor(us), us)] == [1]
        assert list(read(Cursor(us + 1), us + 2)) == []
        assert list(read(None, us - 1)) == []
        database.close()
