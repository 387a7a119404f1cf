"""Spanner's emulator as tests see it."""

from __future__ import annotations

from tests.stack.spanner_databases import SpannerDatabase


def test_a_spanner_database_gives_what_was_written_to_it(spanner_database: SpannerDatabase) -> None:
    spanner_database.ddl("CREATE TABLE t (id INT64 NOT NULL, s STRING(MAX)) PRIMARY KEY (id)")
    spanner_database.insert("t", ["id", "s"], [[1, "one"], [2, None]])
    assert spanner_database.execute("UPDATE t SET s = 'two' WHERE id = 2") == [1]
    spanner_database.delete("t", [1])
    assert spanner_database.query("SELECT id, s FROM t") == [(2, "two")]


def test_each_spanner_database_is_empty(spanner_database: SpannerDatabase) -> None:
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = ''"
    assert spanner_database.query(tables) == []
