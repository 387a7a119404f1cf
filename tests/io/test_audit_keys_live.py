"""Pages by keys of many types, and state, on real PostgreSQL and MySQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_io.audit_database import SqlAuditDatabase
from pipeline_io.audit_digest import key_texts
from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_poll import Poll
from pipeline_io.audit_state import AuditState
from pipeline_io.audit_tables import Cursor, Shard, TableRequest
from pipeline_io.database import Database
from tests.io.audit_polling import rows
from tests.stack.databases import Database as ServerDatabase

TIME = "2026-01-31 12:00:00"
TIME_US = 1_769_860_800_000_000
LATER_US = 4_000_000_000_000_000

# Each key's columns, and values of it in SQL.
POSTGRESQL = {
    "a text": [f"E'{word}'" for word in ("a", "B", "Ä", "it\\'s", "50%", ":x", "back\\\\slash")],
    "a uuid": [f"'{each:08x}-0000-4000-8000-00000000000{each}'" for each in range(9)],
    "a numeric(20, 5)": ["-1.5", "0", "1.00001", "99999999999.99999"],
    "a bytea": [r"'\x00'", r"'\x00ff'", r"''", r"'\xff'"],
    "a date, b boolean": ["'-infinity', true", "'2026-01-31', false", "'2026-01-31', true"],
    "a timestamptz": ["'infinity'", "'2026-01-31 12:00:00.000001Z'", "'1969-12-31 23:59:59Z'"],
    "a mood, b integer": ["'sad', 2", "'sad', 10", "'glad', 1", "'glad', 3"],
    "a char(3), b varchar(5)": ["'a', ''", "'a', ' '", "'ab', 'x'"],
}
MYSQL = {
    "a varchar(40)": ["'a'", "'B'", "'Ö'", "'it''s'", "'50%%'", "':x'", "'back\\\\slash'"],
    "a bigint unsigned": ["0", "1", "18446744073709551615", "9223372036854775808"],
    "a decimal(20, 5)": ["-1.5", "0", "1.00001", "99999999999.99999"],
    "a varbinary(4)": ["x'00'", "x'00ff'", "''", "x'ff'"],
    "a date, b tinyint(1)": ["'1000-01-01', 1", "'2026-01-31', 0", "'2026-01-31', 1"],
    "a timestamp(6), b datetime(3)": [
        "'2026-01-31 12:00:00.000001', '2026-01-31 12:00:00.001'",
        "'2026-01-31 12:00:00.000001', '2026-01-31 12:00:00.002'",
        "'1971-01-01 00:00:00', '2026-01-31'",
    ],
    # In the order of their numbers this is no order of their texts.
    "a enum('z', 'b', 'a'), b int": ["'z', 2", "'z', 10", "'a', 1", "'b', 3", "'b', 4"],
}


@pytest.mark.parametrize("key", POSTGRESQL)
def test_each_key_of_postgresql_is_read_once(postgres_database: ServerDatabase, key: str) -> None:
    postgres_database.execute("CREATE TYPE mood AS ENUM ('sad', 'glad', 'a')")
    all_pages_are_read(postgres_database, key, POSTGRESQL[key])


@pytest.mark.parametrize("key", MYSQL)
def test_each_key_of_mysql_is_read_once(mysql_database: ServerDatabase, key: str) -> None:
    mysql_database.execute("SET SESSION time_zone = '+00:00'")
    all_pages_are_read(mysql_database, key, [each.replace("%%", "%") for each in MYSQL[key]])


def all_pages_are_read(server: ServerDatabase, key: str, values: list[str]) -> None:
    names = ["a", "b"] if ", b " in key else ["a"]
    quoted = '"Odd ""Name"' if server.url.startswith("postgresql") else '`Odd "Name`'
    server.execute(
        f"CREATE TABLE {quoted} ({key}, at timestamp(0) NOT NULL, "
        f"PRIMARY KEY ({', '.join(names)}))",
        *(f"INSERT INTO {quoted} VALUES ({value}, '{TIME}')" for value in values),  # noqa: S608
    )
    database = SqlAuditDatabase(Database(server.url), page_rows=2)
    table = database.describe(TableRequest('Odd "Name', "at"))
    assert table.key == tuple(names)

    found = list(database.changed(table, Shard(), None, LATER_US))
    keys = list(database.keys(table, Shard()))

    shown = [text for batch in found for text in key_texts(batch, names)]
    assert len(set(shown)) == len(shown) == len(values)
    assert [batch.num_rows for batch in found[:-1]] == [2] * (len(found) - 1)
    assert sorted(text for batch in keys for text in key_texts(batch, names)) == sorted(shown)
    for batch in keys:
        assert database.rows(table, batch).num_rows == batch.num_rows
    assert list(database.changed(table, Shard(), Cursor(TIME_US + 1), LATER_US)) == []
    assert list(database.changed(table, Shard(), None, TIME_US - 1)) == []
    database.close()


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_state_is_kept_in_any_database(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    name = "postgres_database" if kind == "postgresql" else "mysql_database"
    server: ServerDatabase = request.getfixturevalue(name)
    server.execute(
        "CREATE TABLE items (id integer PRIMARY KEY, word varchar(20), at bigint)",
        "INSERT INTO items VALUES (1, 'x', 5), (2, 'ß', 5), (3, 'z', 6)",
    )
    asked = TableRequest("items", "at", updated_unit="s", overlap_seconds=1)

    def polled(*, sweep: bool, commits: bool = True) -> list[tuple[str, int, int]]:
        database = SqlAuditDatabase(Database(server.url), page_rows=2)
        state = AuditState(server.url)
        poll = Poll(database, state, database.describe(asked), source="shop")
        told = rows(poll.changes("token", sweep=sweep))
        if commits:
            state.commit("token")
        else:
            state.abandon("token")
        state.close()
        database.close()
        return [(row["_op"], row["id"], row["_revision"]) for row in told]

    first = [("r", 1, 0), ("r", 2, 0), ("r", 3, 0)]
    assert polled(sweep=False, commits=False) == first
    assert polled(sweep=False) == first
    server.execute("DELETE FROM items WHERE id = 2", "UPDATE items SET at = 4 WHERE id = 3")
    assert polled(sweep=False) == []
    assert sorted(polled(sweep=True)) == [("d", 2, 1), ("u", 3, 1)]
    assert polled(sweep=True) == []
    # A lease and a cursor of this very database's clock.
    with pytest.raises(AuditError, match="nothing is pending under 'other'"):
        AuditState(server.url).commit("other")


def test_an_index_is_forced_where_mysql_has_it(mysql_database: ServerDatabase) -> None:
    mysql_database.execute(
        "CREATE TABLE items (id integer PRIMARY KEY, at datetime, KEY by_at (at, id))",
        "INSERT INTO items VALUES (1, '2026-01-31 12:00:00'), (2, NULL)",
    )
    database = SqlAuditDatabase(Database(mysql_database.url))
    for index, count in [("by_at", 1), ("by_ad", None)]:
        table = database.describe(TableRequest("items", "at", index=index))
        if count is None:
            with pytest.raises(AuditError, match="by_ad"):
                list(database.changed(table, Shard(), None, LATER_US))
        else:
            (batch,) = database.changed(table, Shard(), None, LATER_US)
            assert batch.num_rows == count
            assert "rows without 'at' (NULL, or no time): 1;" in database.unseen(table)[0]
            assert table.warnings == ()
    database.close()
