"""A job's own SELECT for a key, asked for many keys at once where that means the same."""

import pickle
import random
import sqlite3
from pathlib import Path

import pytest

from pipeline_io.database import Database, LookupQueryError
from pipeline_io.database_lookup import DatabaseLookup
from pipeline_io.lookup_query import LookupQuery

SQLITE = Database("jdbc:sqlite:x.db")
POSTGRES = Database("jdbc:postgresql://h/d")
MYSQL = Database("jdbc:mysql://h/d")


@pytest.mark.parametrize(
    ("database", "sql", "text"),
    [
        (
            SQLITE,
            "SELECT a, b FROM f WHERE user_id = :key ORDER BY a",
            "SELECT a, b, user_id AS lookup_key FROM f WHERE user_id IN (?, ?) ORDER BY a",
        ),
        (
            POSTGRES,
            "SELECT a::text FROM f WHERE :key = f.user_id AND t > '10:30' AND x <> ' :key%';",
            "SELECT CAST(a AS TEXT), f.user_id AS lookup_key FROM f WHERE f.user_id IN "
            "(%(lookup_keys_1)s, %(lookup_keys_2)s) AND t > '10:30' AND x <> ' :key%%'",
        ),
        (
            MYSQL,
            "SELECT DISTINCT * FROM `f f` AS g WHERE (g.user_id = :key)",
            "SELECT DISTINCT *, g.user_id AS lookup_key FROM `f f` AS g "
            "WHERE (g.user_id IN (%s, %s))",
        ),
    ],
)
def test_keys_are_asked_for_together(database: Database, sql: str, text: str) -> None:
    query = LookupQuery(database, sql)

    assert query.one_by_one is None
    assert query.explain() == text


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT a FROM f WHERE k = :key ORDER BY a LIMIT 3", "LIMIT"),
        ("SELECT a FROM f WHERE k = :key LIMIT 3 OFFSET 1", "LIMIT"),
        ("SELECT a, MAX(b) FROM f WHERE k = :key GROUP BY a", "GROUP"),
        ("SELECT COUNT(*) FROM f WHERE k = :key", "aggregate"),
        ("SELECT ROW_NUMBER() OVER (ORDER BY a) FROM f WHERE k = :key", "window"),
        ("SELECT my_sum(a) FROM f WHERE k = :key", "unknown functions"),
        ("SELECT a FROM f WHERE k = :key OR a = 1", "not in a condition"),
        ("SELECT a FROM f WHERE k > :key", "not in a condition"),
        ("SELECT a FROM f WHERE lower(k) = :key", "not in a condition"),
        ("SELECT a, :key FROM f WHERE k = 1", "not in a condition"),
        ("SELECT a FROM f WHERE k = :key AND l <> :key", "more than once"),
        ("SELECT a FROM f WHERE k = :key UNION ALL SELECT 1", "not a plain SELECT"),
    ],
)
def test_what_means_something_else_together_is_asked_key_by_key(sql: str, reason: str) -> None:
    query = LookupQuery(SQLITE, sql)

    assert reason in (query.one_by_one or "")
    assert query.keys_per_query == 1
    assert query.explain() == sql.replace(":key", "?")


def test_distinct_on_is_asked_key_by_key() -> None:
    query = LookupQuery(POSTGRES, "SELECT DISTINCT ON (a) a, b FROM f WHERE k = :key ORDER BY a")

    assert query.one_by_one == "it has DISTINCT ON"


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT a FROM f",
        "SELECT ':key' FROM f -- :key",
        "DELETE FROM f WHERE k = :key",
        "SELECT a FROM f WHERE k = :key; DROP TABLE f",
        "SELECT 'open FROM f WHERE k = :key",
    ],
)
def test_what_is_not_one_select_with_a_key_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match=r"expected a SELECT|not one SELECT|not SQL"):
        LookupQuery(SQLITE, sql)


@pytest.fixture
def transfers(tmp_path: Path) -> Database:
    path = tmp_path / "transfers.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE transfers (account INTEGER, amount INTEGER, note TEXT)")
    draw = random.Random(7)
    rows = [(draw.randrange(40), draw.randrange(100), f"it's {number}") for number in range(400)]
    connection.executemany("INSERT INTO transfers VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return Database(f"sqlite:///{path}")


def test_together_and_key_by_key_give_the_same_rows_in_the_same_order(transfers: Database) -> None:
    together = "SELECT amount, note FROM transfers WHERE account = :key ORDER BY amount DESC, note"
    alone = f"{together} LIMIT 1000"
    keys = [(key,) for key in range(50)]
    answers = []
    for sql, queries in ((together, 1), (alone, 50)):
        with DatabaseLookup(LookupQuery(transfers, sql)) as lookup:
            rows = lookup.fetch(keys)
        assert lookup.queries == queries
        answers.append({key: [row[1:] for row in rows if row[:1] == key] for key in keys})

    assert answers[0] == answers[1]
    assert sum(map(len, answers[0].values())) == 400


@pytest.mark.parametrize("ending", ["", " LIMIT 1"])
def test_a_check_gives_the_names_of_the_columns(transfers: Database, ending: str) -> None:
    sql = f"SELECT amount AS a, * FROM transfers WHERE account = :key{ending}"  # noqa: S608

    assert LookupQuery(transfers, sql).check() == ["a", "account", "amount", "note"]


def test_a_check_tells_what_the_database_refuses(transfers: Database) -> None:
    query = LookupQuery(transfers, "SELECT amounts FROM transfers WHERE account = :key")

    with pytest.raises(LookupQueryError, match="no such column: amounts"):
        query.check()


def test_a_lookup_query_pickles() -> None:
    query = LookupQuery(SQLITE, "SELECT a FROM f WHERE k = :key")

    assert pickle.loads(pickle.dumps(query)) == query  # noqa: S301 - our own bytes
