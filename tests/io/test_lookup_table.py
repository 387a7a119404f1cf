"""The query of a lookup join, as each database gets it and as SQLite answers it."""

import datetime as dt
import pickle
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline_io.database import Database, LookupQueryError
from pipeline_io.database_lookup import DatabaseLookup
from pipeline_io.lookup_table import LookupTable, Row

SQLITE = Database("jdbc:sqlite:users.db")
POSTGRES = Database("jdbc:postgresql://h/d")
MYSQL = Database("jdbc:mysql://h/d")
EXACT = "12345678901234567.89"  # more digits than a float has


@pytest.mark.parametrize(
    ("database", "sql"),
    [
        (
            SQLITE,
            'SELECT shop.users.id, shop.users.name, shop.users."Born On"\nFROM shop.users\n'
            "WHERE shop.users.id IN (?, ?)",
        ),
        (
            POSTGRES,
            'SELECT shop.users.id, shop.users.name, shop.users."Born On"\nFROM shop.users\n'
            "WHERE shop.users.id IN (%(lookup_keys_1)s, %(lookup_keys_2)s)",
        ),
        (
            MYSQL,
            "SELECT shop.users.id, shop.users.name, shop.users.`Born On`\nFROM shop.users\n"
            "WHERE shop.users.id IN (%s, %s)",
        ),
    ],
)
def test_one_key_column_is_in_a_list_of_bound_values(database: Database, sql: str) -> None:
    assert LookupTable(database, "shop.users", ("id",), ("name", "Born On")).explain() == sql


@pytest.mark.parametrize(
    ("database", "condition"),
    [
        (SQLITE, "(users.id, users.region) IN (VALUES (?, ?), (?, ?))"),
        (
            POSTGRES,
            "(users.id, users.region) IN ((%(lookup_keys_1_1)s, %(lookup_keys_1_2)s), "
            "(%(lookup_keys_2_1)s, %(lookup_keys_2_2)s))",
        ),
        (MYSQL, "(users.id, users.region) IN ((%s, %s), (%s, %s))"),
    ],
)
def test_several_key_columns_are_compared_as_a_row(database: Database, condition: str) -> None:
    table = LookupTable(database, "users", ("id", "region"), ("name",))

    assert table.explain().endswith(f"WHERE {condition}")


def test_names_are_quoted_as_the_database_needs_it() -> None:
    table = LookupTable(POSTGRES, 'we"ird', ("select",), ("Name",))

    assert table.explain().startswith(
        'SELECT "we""ird"."select", "we""ird"."Name"\nFROM "we""ird"\n'
    )


def test_a_query_asks_for_no_more_keys_than_the_database_binds() -> None:
    assert LookupTable(SQLITE, "t", ("a", "b"), ("v",)).keys_per_query == 499
    assert LookupTable(POSTGRES, "t", ("a", "b"), ("v",)).keys_per_query == 1000
    spanner = Database("jdbc:cloudspanner:/projects/p/instances/i/databases/d")
    assert LookupTable(spanner, "t", ("a",), ("v",)).keys_per_query == 950


def test_a_dialect_that_is_not_installed_is_told() -> None:
    spanner = Database("jdbc:cloudspanner:/projects/p/instances/i/databases/d")
    if _spanner_is_installed():
        pytest.skip("the Spanner dialect is installed")

    with pytest.raises(LookupQueryError, match="pip install sqlalchemy-spanner"):
        LookupTable(spanner, "t", ("a",), ("v",)).explain()


def _spanner_is_installed() -> bool:
    try:
        Database("spanner+spanner:///projects/p/instances/i/databases/d").dialect()
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(("table", "keys", "values"), [("", "k", "v"), ("t", "", "v")])
def test_a_lookup_needs_a_table_and_columns(table: str, keys: str, values: str) -> None:
    with pytest.raises(ValueError, match="needs a table"):
        LookupTable(SQLITE, table, tuple(keys), tuple(values))


@pytest.fixture
def prices(tmp_path: Path) -> Database:
    path = tmp_path / "prices.db"
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE prices (price DECIMAL(10, 2), day DATE, at TEXT, note TEXT, exact TEXT)"
    )
    connection.executemany(
        "INSERT INTO prices VALUES (?, ?, ?, ?, ?)",
        [
            ("1.00", "2024-01-02", "2024-01-02 03:04:05.000006", "one", "1"),
            ("2.5", "2024-01-03", "2024-01-02 03:04:05", "two and a half", EXACT),
        ],
    )
    connection.commit()
    connection.close()
    return Database(f"sqlite:///{path}")


AT = dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize(
    ("columns", "keys", "rows"),
    [
        (("price",), [(Decimal("1.00"),)], [(1, "one")]),
        (("price",), [(Decimal("2.50"),), (Decimal("1"),)], [(1, "one"), (2.5, "two and a half")]),
        (("exact",), [(Decimal(EXACT),)], [(EXACT, "two and a half")]),
        (("day",), [(dt.date(2024, 1, 3),)], [("2024-01-03", "two and a half")]),
        (("at",), [(AT,)], [("2024-01-02 03:04:05.000006", "one")]),
        (("at",), [(AT.replace(microsecond=0),)], [("2024-01-02 03:04:05", "two and a half")]),
        (
            ("price", "day"),
            [(Decimal("2.50"), dt.date(2024, 1, 3)), (Decimal("1.00"), dt.date(2024, 1, 3))],
            [(2.5, "2024-01-03", "two and a half")],
        ),
    ],
)
def test_sqlite_finds_keys_of_types_that_it_does_not_have(
    prices: Database, columns: tuple[str, ...], keys: list[Row], rows: list[Row]
) -> None:
    with DatabaseLookup(LookupTable(prices, "prices", columns, ("note",))) as lookup:
        assert sorted(lookup.fetch(keys), key=repr) == rows


def test_a_check_gives_the_columns_types(prices: Database) -> None:
    columns = LookupTable(prices, "prices", ("price",), ("note",)).check()

    assert columns["price"] == "DECIMAL(10, 2)"
    assert list(columns) == ["price", "day", "at", "note", "exact"]


def test_a_check_tells_a_missing_column_with_the_nearest_names(prices: Database) -> None:
    table = LookupTable(prices, "prices", ("price",), ("notes",))

    with pytest.raises(LookupQueryError, match="no column 'notes'; the nearest names are note"):
        table.check()


def test_a_lookup_table_pickles() -> None:
    table = LookupTable(POSTGRES, "t", ("a",), ("v",))

    assert pickle.loads(pickle.dumps(table)) == table  # noqa: S301 - our own bytes
