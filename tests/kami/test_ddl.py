"""Tables from DDL files of both dialects."""

from __future__ import annotations

import pytest

from kami.ddl import read_ddl
from kami.errors import ConfigurationError
from kami.schema import Dialect, SourceTable


def one(text: str, dialect: Dialect) -> SourceTable:
    (table,) = read_ddl(text, dialect, notice=lambda _: None)
    return table


def names(table: SourceTable) -> list[str]:
    return [column.name for column in table.columns]


SHOW_CREATE = """
CREATE TABLE `orders` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `Order` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT 'a point, x',
  `amount` decimal(10,2) NOT NULL DEFAULT '0.50',
  `double_amount` decimal(11,2) GENERATED ALWAYS AS (`amount` * 2) STORED,
  `place` point NOT NULL /*!80003 SRID 4326 */,
  `changed` timestamp(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  `flags` bit(8) DEFAULT b'101',
  `kind` enum('a','b,c') DEFAULT NULL,
  PRIMARY KEY (`id`,`Order`) USING BTREE,
  UNIQUE KEY `u` (`amount`),
  KEY `k` (`changed`),
  CONSTRAINT `f` FOREIGN KEY (`amount`) REFERENCES `x` (`y`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci COMMENT='c';
"""


def test_what_mysql_prints_of_a_table_is_read() -> None:
    table = one(SHOW_CREATE, "mysql")
    assert (table.schema, table.name, table.primary_key) == ("", "orders", ("id", "Order"))
    types = {column.name: column.source_type.replace(" ", "") for column in table.columns}
    assert types == {
        "id": "int(10)unsigned",
        "Order": "varchar(20)",
        "amount": "decimal(10,2)",
        "double_amount": "decimal(11,2)",
        "place": "geometry",
        "changed": "timestamp(3)",
        "flags": "bit(8)",
        "kind": "enum('a','b,c')",
    }
    defaults = {column.name: column.default for column in table.columns if column.default}
    assert defaults == {"Order": "a point, x", "amount": "0.50", "flags": "5"}
    assert table.column("double_amount").generated
    assert not table.column("id").nullable
    assert table.column("kind").nullable


PG_DUMP = """
SET statement_timeout = 0;
CREATE TYPE public.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN email AS character varying(80) CHECK (VALUE ~ '@');
CREATE TABLE app.people (
    id bigint NOT NULL,
    "Full Name" character varying(80) DEFAULT 'x'::character varying NOT NULL,
    Mood public.mood,
    mail email,
    scores numeric(5,2)[],
    bits bit varying(5),
    at timestamp(3) with time zone,
    spent interval day to second,
    round numeric(5,-2)
);
ALTER TABLE app.people OWNER TO postgres;
CREATE INDEX ON app.people (id);
ALTER TABLE ONLY app.people ADD CONSTRAINT people_pkey PRIMARY KEY (id);
"""


def test_what_pg_dump_prints_of_a_table_is_read() -> None:
    told: list[str] = []
    (table,) = read_ddl(PG_DUMP, "postgresql", told.append)
    assert (table.schema, table.name, table.primary_key) == ("app", "people", ("id",))
    assert table.warehouse_name == "app_people"
    assert names(table) == [
        "id", "Full Name", "mood", "mail", "scores", "bits", "at", "spent", "round"
    ]  # fmt: skip
    types = {column.name: column.source_type.replace(" ", "") for column in table.columns}
    assert types["mood"] == "enum"
    assert types["mail"] == "varchar(80)"
    assert types["scores"] == "decimal(5,2)[]"
    assert types["bits"] == "varbit(5)"
    assert types["at"] == "timestamptz(3)"
    assert table.column("Full Name").default == "x"
    assert any("CREATE INDEX" in notice for notice in told)


def test_changes_are_applied_in_order() -> None:
    table = one(
        "CREATE TABLE t (a INT, b INT, c INT);"
        "ALTER TABLE t ADD COLUMN d INT NOT NULL DEFAULT 5 AFTER a, DROP COLUMN b;"
        "ALTER TABLE t ADD e INT FIRST;"
        "ALTER TABLE t RENAME COLUMN c TO f;"
        "ALTER TABLE t ADD PRIMARY KEY (f, a);"
        "ALTER TABLE t CHANGE a g BIGINT NOT NULL;"
        "ALTER TABLE t MODIFY d VARCHAR(5);"
        "INSERT INTO t VALUES (1);",
        "mysql",
    )
    assert names(table) == ["e", "g", "d", "f"]
    assert table.primary_key == ("f", "g")
    assert table.column("g").source_type == "bigint"
    assert table.column("d").source_type == "varchar(5)"
    # Changes that were logged before have the columns under their old names.
    assert table.renamed == {"f": "c", "g": "a"}


def test_postgresql_changes_types_and_names() -> None:
    table = one(
        "CREATE TABLE t (id serial PRIMARY KEY, a int);"
        "ALTER TABLE t ALTER COLUMN a TYPE numeric(5,2);"
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT 9;"
        "ALTER TABLE t RENAME TO u;",
        "postgresql",
    )
    assert (table.name, table.primary_key) == ("u", ("id",))
    assert table.column("a").source_type == "decimal(5, 2)"
    assert table.column("a").default is None


def test_a_dropped_table_is_gone() -> None:
    assert read_ddl("CREATE TABLE t (a INT); DROP TABLE IF EXISTS t;", "mysql") == []


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ("5", "5"),
        ("-5", "-5"),
        ("'x'", "x"),
        ("NULL", None),
        ("now()", None),
        ("true", "true"),
        ("0::numeric", "0"),
        ("'a'::character varying", "a"),
    ],
)
def test_only_literal_defaults_are_defaults(default: str, expected: str | None) -> None:
    table = one(f"CREATE TABLE t (id INT PRIMARY KEY, a TEXT DEFAULT {default})", "postgresql")
    assert table.column("a").default == expected


def test_what_is_no_ddl_is_told() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read as mysql"):
        read_ddl("CREATE TABLE t (a INT", "mysql")


def test_an_unknown_table_that_is_altered_is_told() -> None:
    with pytest.raises(ConfigurationError, match="alters the table 't', which it has not created"):
        read_ddl("ALTER TABLE t ADD COLUMN a INT", "mysql")
