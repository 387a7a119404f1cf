"""How ranges are asked for, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_io import snapshot_mysql_read, snapshot_postgres_read
from pipeline_io.snapshot_errors import SnapshotError
from pipeline_io.snapshot_postgres_read import text_table
from pipeline_io.snapshot_ranges import KeyRange, ReadColumn, ReadTable, ranges_between

TABLE = ReadTable(
    "lines",
    "s",
    'li`n"es',
    (ReadColumn("no", "int(11)"), ReadColumn("name", "varchar(9)"), ReadColumn("b", "blob")),
    ("no", "name"),
)


def test_ranges_touch_and_leave_nothing_out() -> None:
    ranges = ranges_between(TABLE, [("1", "a"), ("5", "b")])
    assert [(one.low, one.high) for one in ranges] == [
        (None, ("1", "a")),
        (("1", "a"), ("5", "b")),
        (("5", "b"), None),
    ]
    assert ranges_between(TABLE, []) == [KeyRange(TABLE, None, None)]


def test_postgresql_compares_keys_as_rows_with_quoted_bounds() -> None:
    table = TABLE._replace(columns=TABLE.columns[:2])
    statement = snapshot_postgres_read.copy_statement(KeyRange(table, ("1", "it's\\"), ("2", "")))
    assert statement == (
        'COPY (SELECT "no", "name" FROM "s"."li`n""es" WHERE ("no", "name") > '
        "('1',  E'it''s\\\\') AND (\"no\", \"name\") <= ('2', '')) TO STDOUT (FORMAT csv)"
    )


def test_mysql_compares_keys_column_by_column() -> None:
    statement = snapshot_mysql_read.select_statement(KeyRange(TABLE, ("1", "it's\\"), ("2", "b")))
    assert statement == (
        "SELECT `no`, `name`, REPLACE(TO_BASE64(`b`), '\\n', '') FROM `s`.`li``n\"es` WHERE "
        "((`no` > 1) OR (`no` = 1 AND `name` > 'it\\'s\\\\')) AND "
        "((`no` < 2) OR (`no` = 2 AND `name` <= 'b'))"
    )


def as_csv(value: str | None) -> str:
    """As PostgreSQL's COPY writes it."""
    if value is None:
        return ""
    special = value == "" or any(character in value for character in ',"\n\r\\')
    return '"' + value.replace('"', '""') + '"' if special else value


VALUES = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1))
def test_texts_and_nulls_are_read_back(rows: list[tuple[str | None, str | None]]) -> None:
    lines = "".join(f"{','.join(map(as_csv, row))}\n" for row in rows)
    table = text_table(lines.encode(), ["a", "b"])
    assert list(zip(*table.to_pydict().values(), strict=True)) == rows


@given(st.lists(VALUES, min_size=1))
def test_a_table_of_one_column_keeps_its_empty_lines(values: list[str | None]) -> None:
    lines = "".join(f"{as_csv(value)}\n" for value in values)
    assert text_table(lines.encode(), ["a"]).to_pydict() == {"a": values}


def test_lines_of_another_form_are_an_error() -> None:
    with pytest.raises(SnapshotError, match="no CSV of 2 columns"):
        text_table(b"1,2,3\n", ["a", "b"])
