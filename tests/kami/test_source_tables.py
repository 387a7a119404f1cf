"""The tables that a source's configuration chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kami.config import Source, TableOptions
from kami.errors import ConfigurationError
from kami.source_tables import source_tables

DDL = """
CREATE TABLE orders (id INT PRIMARY KEY, secret TEXT, note TEXT);
CREATE TABLE order_lines (id INT PRIMARY KEY);
CREATE TABLE app.notes (id INT PRIMARY KEY);
CREATE TABLE app.drafts (id INT PRIMARY KEY);
"""


@pytest.fixture
def ddl(tmp_path: Path) -> Path:
    path = tmp_path / "schema.sql"
    path.write_text(DDL, encoding="utf-8")
    return path


def names(ddl: Path, **options: Any) -> list[str]:
    source = Source(name="shop", type="postgresql", ddl=ddl, **options)
    return [table.name for table in source_tables(source)]


def test_all_tables_are_chosen_unless_said_otherwise(ddl: Path) -> None:
    assert names(ddl) == ["app_drafts", "app_notes", "order_lines", "orders"]


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (("order*",), ["order_lines", "orders"]),
        (("orders",), ["orders"]),
        (("public.*",), ["order_lines", "orders"]),
        (("app.n*",), ["app_notes"]),
        (("app.notes", "orders"), ["app_notes", "orders"]),
    ],
)
def test_tables_are_chosen_by_name_or_pattern(
    ddl: Path, tables: tuple[str, ...], expected: list[str]
) -> None:
    assert names(ddl, tables=tables) == expected


def test_a_name_without_its_schema_is_public(ddl: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no table matches 'notes'; found: .*app\.notes"):
        names(ddl, tables=("notes",))


def test_tables_and_columns_are_left_out(ddl: Path) -> None:
    source = Source(
        name="shop", type="postgresql", ddl=ddl, exclude=("app.*", "orders.s*", "order_*")
    )
    (orders,) = source_tables(source)
    assert [column.name for column in orders.table.columns] == ["id", "note"]


def test_a_key_column_cannot_be_left_out(ddl: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"leaves out \['id'\] of the primary key"):
        names(ddl, exclude=("orders.id",))


def test_two_tables_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sql"
    path.write_text(
        "CREATE TABLE app_notes (id INT); CREATE TABLE app.notes (id INT)", encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match=r"would both be shop\.app_notes; leave one out"):
        names(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": TableOptions()}, "names the table 'order', which is none of its tables"),
        ({"orders": TableOptions(key=("x",))}, "`key` of 'orders' names the column 'x'"),
        ({"orders": TableOptions(renamed={"x": "y"})}, "`renamed` of 'orders' names .* 'x'"),
    ],
)
def test_options_of_what_is_not_there_are_refused(
    ddl: Path, options: dict[str, TableOptions], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        names(ddl, options=options)


def test_a_ddl_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.sql.*FileNotFoundError"):
        names(tmp_path / "none.sql")
