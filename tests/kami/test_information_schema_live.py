"""Tables of real servers."""

from __future__ import annotations

from kami.information_schema import read_live
from kami.schema import SourceTable
from kami.types import warehouse_type
from tests.kami.type_rows import MYSQL, POSTGRESQL, Row
from tests.stack.databases import Database

NOT_OF_THE_SERVER = {"uuid", "inet6", "enum", "hstore", "ltree", "citext"}
"""MariaDB's types, a kind of type, and types of extensions."""


def create_table(rows: list[Row], quote: str) -> str:
    columns = ", ".join(
        f"{quote}{number}{quote} {row.source_type}"
        for number, row in enumerate(rows)
        if row.source_type not in NOT_OF_THE_SERVER
    )
    return f"CREATE TABLE all_types (id INT PRIMARY KEY, {columns})"


def check_types(table: SourceTable, rows: list[Row]) -> None:
    columns = [column for column in table.columns if column.name != "id"]
    assert len(columns) > 30
    for column in columns:
        expected = rows[int(column.name)]
        found = warehouse_type(column, table.dialect)
        assert found.bigquery == expected.bigquery, column


def by_name(database: Database) -> dict[str, SourceTable]:
    return {table.name: table for table in read_live(database.url)}


def test_mysqls_tables_are_read(mysql_database: Database) -> None:
    mysql_database.execute(
        create_table(MYSQL, "`"),
        "CREATE TABLE pairs (a INT, b VARCHAR(9), PRIMARY KEY (b, a))",
        "CREATE TABLE loose (a INT)",
        "CREATE VIEW seen AS SELECT * FROM pairs",
        "ALTER TABLE pairs ADD COLUMN n DECIMAL(5,2) NOT NULL DEFAULT 1.50, "
        "ADD COLUMN at DATETIME DEFAULT CURRENT_TIMESTAMP, "
        "ADD COLUMN twice INT GENERATED ALWAYS AS (a * 2) STORED",
    )
    tables = by_name(mysql_database)
    assert set(tables) == {"all_types", "pairs", "loose"}
    check_types(tables["all_types"], MYSQL)
    pairs = tables["pairs"]
    assert pairs.primary_key == ("b", "a")
    assert (pairs.column("n").default, pairs.column("at").default) == ("1.50", None)
    assert pairs.column("twice").generated
    assert tables["loose"].primary_key == ()


def test_postgresqls_tables_are_read(postgres_database: Database) -> None:
    postgres_database.execute(
        create_table(POSTGRESQL, '"'),
        "CREATE SCHEMA app",
        "CREATE TYPE app.mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN email AS varchar(80) CHECK (VALUE LIKE '%@%')",
        "CREATE TABLE app.pairs (a INT, b TEXT, mood app.mood, mail email, moods app.mood[], "
        "PRIMARY KEY (b, a))",
        "INSERT INTO app.pairs VALUES (1, 'x')",
        "ALTER TABLE app.pairs ADD COLUMN n NUMERIC(5,2) NOT NULL DEFAULT 1.50, "
        "ADD COLUMN note TEXT DEFAULT 'it''s \"so\"', ADD COLUMN at TIMESTAMP DEFAULT now()",
        "ALTER TABLE app.pairs ALTER COLUMN n SET DEFAULT 9",
        "ALTER TABLE app.pairs REPLICA IDENTITY FULL",
        "CREATE TABLE loose (a INT) PARTITION BY RANGE (a)",
        "CREATE TABLE loose_1 PARTITION OF loose FOR VALUES FROM (0) TO (9)",
        "CREATE VIEW seen AS SELECT 1",
    )
    tables = by_name(postgres_database)
    assert set(tables) == {"all_types", "pairs", "loose"}
    check_types(tables["all_types"], POSTGRESQL)
    pairs = tables["pairs"]
    assert (pairs.schema, pairs.primary_key, pairs.replica_identity) == ("app", ("b", "a"), "f")
    assert pairs.column("mood").source_type == "enum"
    assert pairs.column("mail").source_type == "character varying(80)"
    assert warehouse_type(pairs.column("moods"), "postgresql").bigquery == "STRING"
    assert pairs.column("n").default == "1.50"
    assert pairs.column("note").default == 'it\'s "so"'
