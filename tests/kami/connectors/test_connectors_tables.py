"""Names of tables as patterns: each matches its table and no other, as Debezium reads them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kami.connectors_tables import TableName, include_list, patterns_of, table_name

names = st.text(
    st.one_of(
        st.sampled_from("aAbZ_09.,-$ \\|()[]{}*+?^`\"'\t\n#&~é"), st.characters(codec="utf-8")
    ),
    min_size=1,
    max_size=6,
)
tables = st.builds(TableName, names, names)


def included(setting: str) -> list[re.Pattern[str]]:
    """A list's patterns as Debezium has them: split at commas, trimmed, without regard to case."""
    return [re.compile(part.strip(), re.IGNORECASE) for part in setting.split(",")]


@given(st.lists(tables, min_size=1, max_size=4), tables)
def test_a_list_matches_its_tables_and_no_other(listed: list[TableName], other: TableName) -> None:
    patterns = included(include_list(table.pattern for table in listed))
    assert len(patterns) == len(listed)
    matched = {f"{table.schema}.{table.name}" for table in listed}
    for table in (*listed, other):
        text = f"{table.schema}.{table.name}"
        assert any(pattern.fullmatch(text) for pattern in patterns) == (text in matched)


@given(tables)
def test_a_name_that_differs_in_case_is_another(table: TableName) -> None:
    text = f"{table.schema}.{table.name}"
    (pattern,) = included(table.pattern)
    assert bool(pattern.fullmatch(text.swapcase())) == (text.swapcase() == text)


@given(st.lists(tables, min_size=1, max_size=4))
def test_a_list_is_read_back_pattern_by_pattern(listed: list[TableName]) -> None:
    patterns = [table.pattern for table in listed]
    assert patterns_of(include_list(patterns)) == patterns


@given(tables)
def test_a_printed_name_is_read_as_the_same_table(table: TableName) -> None:
    assert table_name(str(table), None) == table


@given(tables)
def test_a_topic_has_a_name_that_kafka_takes(table: TableName) -> None:
    assert re.fullmatch(r"shop\.[A-Za-z0-9._-]+", table.topic("shop"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("orders", TableName("shop", "orders")),
        ("crm.people", TableName("crm", "people")),
        ('crm."a.b"', TableName("crm", "a.b")),
        ("crm.`a``b`", TableName("crm", "a`b")),
        ('"say ""so"""', TableName("shop", 'say "so"')),
        ("$café-1", TableName("shop", "$café-1")),
    ],
)
def test_names_are_read(text: str, expected: TableName) -> None:
    assert table_name(text, "shop") == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("orders_*", "patterns are not taken"),
        ("a.b.c", "has 3 parts"),
        ("a.", "is no table's name"),
        ("", "is no table's name"),
        ('"open', "is no table's name"),
        ("a,b", "is no table's name"),
    ],
)
def test_what_names_no_table_is_told(text: str, told: str) -> None:
    assert told in str(table_name(text, "shop"))


def test_a_name_alone_needs_a_database() -> None:
    assert "does not say of which database" in str(table_name("orders", None))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (TableName("shop", "orders"), r"(?-i:shop\.orders)"),
        (TableName("shop", "a b"), '"shop"."a b"'),
        (TableName("sh-op", 'a"b'), '"sh-op"."a""b"'),
    ],
)
def test_a_signal_names_a_table_as_debezium_reads_it_again(table: TableName, expected: str) -> None:
    assert table.collection == expected


def test_a_statement_has_the_name_in_the_databases_quotes() -> None:
    table = TableName("a`b", 'c"d')
    assert table.sql("mysql") == '`a``b`.`c"d`'
    assert table.sql("postgresql") == '"a`b"."c""d"'
