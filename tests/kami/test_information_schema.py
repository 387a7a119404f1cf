"""Tables from rows as the databases' catalogues give them."""

from __future__ import annotations

from typing import Any

import pytest

from kami.errors import ConfigurationError, UnreachableError
from kami.information_schema import read_live
from kami.information_schema_mysql import mysql_tables
from kami.information_schema_postgresql import postgresql_tables
from kami.schema import SourceColumn


def mysql_row(**more: Any) -> dict[str, Any]:
    return {
        "table_schema": "shop",
        "table_name": "t",
        "column_name": "c",
        "column_type": "int",
        "is_nullable": "YES",
        "column_default": None,
        "extra": "",
        "expression": "",
        "version": "8.0.15",
        **more,
    }


def mysql_column(**more: Any) -> SourceColumn:
    (table,) = mysql_tables([mysql_row(**more)], [])
    return table.columns[0]


def test_mysqls_key_has_its_own_order() -> None:
    rows = [mysql_row(column_name="a"), mysql_row(column_name="b")]
    keys = [{"table_name": "t", "column_name": "b"}, {"table_name": "t", "column_name": "a"}]
    (table,) = mysql_tables(rows, keys)
    assert (table.schema, table.name, table.primary_key) == ("shop", "t", ("b", "a"))
    assert table.warehouse_name == "t"


@pytest.mark.parametrize(
    ("version", "default", "extra", "expected"),
    [
        ("8.0.15", "5", "", "5"),
        ("8.0.15", b"0.50", "", "0.50"),
        ("8.0.15", "b'101'", "", "5"),
        ("8.0.15", "CURRENT_TIMESTAMP", "DEFAULT_GENERATED", None),
        ("5.7.44", "CURRENT_TIMESTAMP", "", None),
        ("8.0.15", "uuid()", "DEFAULT_GENERATED", None),
        ("8.0.15", None, "", None),
        ("10.11.19-MariaDB", "'it''s'", "", "it's"),
        ("10.11.19-MariaDB", "NULL", "", None),
        ("10.11.19-MariaDB", "-5", "", "-5"),
        ("10.11.19-MariaDB", "current_timestamp()", "", None),
    ],
)
def test_only_literal_defaults_of_mysql_are_defaults(
    version: str, default: object, extra: str, expected: str | None
) -> None:
    assert mysql_column(version=version, column_default=default, extra=extra).default == expected


def test_types_of_mysql_keep_what_matters() -> None:
    assert mysql_column(column_type=b"INT(10) UNSIGNED").source_type == "int(10) unsigned"
    assert mysql_column(column_type="enum('A','b')").source_type == "enum('A','b')"
    assert mysql_column(extra="STORED GENERATED").generated
    assert not mysql_column(is_nullable="NO").nullable


def postgresql_row(**more: Any) -> dict[str, Any]:
    return {
        "table_schema": "public",
        "table_name": "t",
        "replica_identity": "d",
        "column_name": "c",
        "not_null": False,
        "generated": "",
        "source_type": "integer",
        "type_kind": "b",
        "category": "N",
        "type_name": "int4",
        "has_missing": False,
        "missing": None,
        "default_expression": None,
        **more,
    }


def postgresql_column(**more: Any) -> SourceColumn:
    (table,) = postgresql_tables([postgresql_row(**more)], [])
    return table.columns[0]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("{5}", "5"), ('{"a b"}', "a b"), ('{"say \\"hi\\""}', 'say "hi"'), ("{NULL}", None)],
)
def test_what_older_rows_of_postgresql_have_is_known(missing: str, expected: str | None) -> None:
    column = postgresql_column(has_missing=True, missing=missing, default_expression="9")
    assert column.default == expected
    assert column.absent_value_known


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("5", "5"),
        ("'-5'::integer", "-5"),
        ("'it''s'::character varying", "it's"),
        ("(-5)", "-5"),
        ("0.50::numeric(5,2)", "0.50"),
        ("true", "true"),
        ("now()", None),
        ("nextval('s'::regclass)", None),
        ("NULL::text", None),
        ("('a'::text || 'b'::text)", None),
    ],
)
def test_only_literal_defaults_of_postgresql_are_defaults(
    expression: str, expected: str | None
) -> None:
    assert postgresql_column(default_expression=expression).default == expected


@pytest.mark.parametrize(
    ("source_type", "kind", "category", "expected"),
    [
        ("timestamp(3) with time zone", "b", "D", "timestamp(3) with time zone"),
        ("mood", "e", "E", "enum"),
        ('app."Mood"', "e", "E", "enum"),
        ("numeric(5,2)[]", "b", "A", "numeric(5,2)[]"),
        ("public.hstore", "b", "U", "hstore"),
        ("character varying(20)", "b", "S", "character varying(20)"),
    ],
)
def test_types_of_postgresql_are_named_as_kami_knows_them(
    source_type: str, kind: str, category: str, expected: str
) -> None:
    column = postgresql_column(source_type=source_type, type_kind=kind, category=category)
    assert column.source_type == expected


def test_tables_of_other_schemas_of_postgresql_are_named_with_them() -> None:
    rows = [postgresql_row(), postgresql_row(table_schema="app", replica_identity="f")]
    keys = [{"table_schema": "app", "table_name": "t", "column_name": "c"}]
    public, app = postgresql_tables(rows, keys)
    assert (public.warehouse_name, public.primary_key) == ("t", ())
    assert (app.warehouse_name, app.primary_key, app.replica_identity) == ("app_t", ("c",), "f")


@pytest.mark.parametrize("url", ["no address", "oracle://u:geheim@h/d", "sqlite://"])
def test_an_address_of_no_such_database_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        read_live(url)
    assert "geheim" not in str(told.value)
    assert "expected" in str(told.value)


def test_a_driver_that_is_not_installed_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"install kamiflow\[mysql\]") as told:
        read_live("mysql+mysqlconnector://u:geheim@h/d")
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
def test_a_database_that_does_not_answer_is_told_without_its_password(scheme: str) -> None:
    with pytest.raises(UnreachableError) as told:
        read_live(f"{scheme}://reader:geheim@127.0.0.1:1/shop")
    assert "geheim" not in str(told.value)
    assert "reader:***@127.0.0.1:1/shop" in str(told.value)
