"""What BigQuery would read, counted on tables whose every byte is known."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kami.bytes_read import bytes_read
from kami.duckdb_dialect import translated
from kami.errors import KamiError
from kami.statements import create_table
from kami.tables import Column
from kami.views import god_view_sql
from kami.warehouse import Warehouse, open_warehouse
from tests.kami.hand_made import HandMade

COLUMNS = {
    "id": ("INT64", 3 * 8),
    "name": ("STRING", (2 + 2) + (2 + 2)),
    "doc": ("JSON", len('{"a":1}')),
    "raw": ("BYTES", 2 + 3),
    "tags": ("ARRAY<STRING>", (2 + 1) + (2 + 2)),
    "flag": ("BOOL", 1),
    "paid": ("NUMERIC(10, 2)", 16),
    "at": ("TIMESTAMP", 8),
    "source": ("STRUCT<`lsn` INT64, `db` STRING>", 2 * 8 + (2 + 4)),
}
"""Type and bytes of all values; NULL has none."""
MORE = 2 * 8
EVERYTHING = sum(size for _, size in COLUMNS.values())
QUERIES = [
    *((f"SELECT `{name}` FROM `s`.`t`", size) for name, (_, size) in COLUMNS.items()),  # noqa: S608
    ("SELECT * FROM s.t", EVERYTHING),
    ("SELECT COUNT(*) AS n FROM s.t", 0),
    ("SELECT ID FROM s.t", 3 * 8),
    ("SELECT source.lsn FROM s.t", 2 * 8),
    ("SELECT x.source.db FROM s.t AS x WHERE x.source.lsn > 1", 2 * 8 + 6),
    ("SELECT source.lsn, source FROM s.t", COLUMNS["source"][1]),
    ("SELECT a.id FROM s.t AS a JOIN s.t AS b ON a.id = b.id", 3 * 8),
    ("WITH c AS (SELECT * FROM s.t) SELECT id FROM c", 3 * 8),
    ("SELECT k FROM (SELECT id AS k, name AS n FROM s.t) WHERE n = 'ab'", 3 * 8 + 8),
    ("SELECT tag FROM s.t AS t CROSS JOIN UNNEST(t.tags) AS tag", 7),
    ("SELECT COUNT(*) AS n FROM (SELECT id, 'a' IN UNNEST(tags) AS tagged FROM s.t)", 0),
    ("SELECT tagged FROM (SELECT id, name IN UNNEST(tags) AS tagged FROM s.t)", 7 + 8),
    ("SELECT id FROM s.t UNION ALL SELECT number FROM s.more", 3 * 8 + MORE),
    ("SELECT 1 AS n FROM s.t WHERE EXISTS (SELECT 1 FROM s.more AS m WHERE m.number = t.id)", 40),
    ("SELECT number, t.name FROM s.more LEFT JOIN s.t AS t ON t.id = number", MORE + 24 + 8),
    ("SELECT label FROM s.seen", 8),
    ("SELECT COUNT(*) AS n FROM s.seen WHERE number > 0", 3 * 8),
    ("SELECT * FROM s.seen_again AS v", 3 * 8 + MORE),
]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path = tmp_path_factory.mktemp("bytes") / "warehouse.duckdb"
    with open_warehouse(f"duckdb:{path}") as made:
        fill(made)
        yield made


def fill(made: Warehouse) -> None:
    made.run("CREATE SCHEMA s")
    made.run(create_table("s", "t", [Column(name, of) for name, (of, _) in COLUMNS.items()]))
    made.run(create_table("s", "more", [Column("number", "INT64")]))
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    text = {"name": "ab", "doc": '{"a":1}', "raw": b"\x01\x02\x03", "tags": ["x", "yz"]}
    source = {"lsn": 1, "db": "shop"}
    rows: list[dict[str, object]] = [
        {"id": 1, **text, "flag": True, "paid": "1.50", "at": moment, "source": source},
        {"id": 2, "name": "ä", "tags": [], "source": {**source, "db": None}},
        {"id": 3},
    ]
    made.append("s", "t", pa.Table.from_pylist(rows))
    made.append("s", "more", pa.table({"number": [1, 2]}))
    made.create_view("s", "seen", "SELECT id AS number, name AS label FROM s.t")
    both = "SELECT number FROM s.seen UNION ALL SELECT number FROM s.more"
    made.create_view("s", "seen_again", both)


@pytest.mark.parametrize(("query", "expected"), QUERIES, ids=[query for query, _ in QUERIES])
def test_each_column_that_a_query_uses_counts_once(
    warehouse: Warehouse, query: str, expected: int
) -> None:
    assert bytes_read(warehouse, query) == expected


def test_columns_together_are_the_sum_of_each(warehouse: Warehouse) -> None:
    @settings(deadline=None, max_examples=20)
    @given(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1))
    def holds(names: list[str]) -> None:
        listed = ", ".join(f"`{name}` AS c{place}" for place, name in enumerate(names))
        expected = sum(COLUMNS[name][1] for name in set(names))
        assert bytes_read(warehouse, f"SELECT {listed} FROM s.t") == expected  # noqa: S608

    holds()


def test_a_table_that_is_not_there_has_no_size(warehouse: Warehouse) -> None:
    assert bytes_read(warehouse, "SELECT x FROM s.missing") is None


def test_what_is_no_query_is_told(warehouse: Warehouse) -> None:
    with pytest.raises(KamiError, match="no SQL of BigQuery"):
        bytes_read(warehouse, "SELECT FROM WHERE")


def test_a_god_view_reads_its_keys_and_the_columns_that_are_asked_for(tmp_path: Path) -> None:
    made = HandMade("CREATE TABLE t (id INT PRIMARY KEY, n INT, note VARCHAR(99))", "mysql")
    made.log("c", 1, {"id": 1, "n": 5, "note": "x"}, {"id": 1})
    made.snapshot(0, {"id": 2, "n": 6, "note": "a long text"}, {"id": 3, "n": 7, "note": None})
    everything, n = (
        bytes_read(made.warehouse, f"SELECT {names} FROM shop.t")  # noqa: S608
        for names in ("*", "n")
    )
    assert everything is not None
    assert n is not None
    # Of the snapshot neither the ids, nor the note.
    assert everything - n == 2 * 8 + (2 + len("a long text"))


@pytest.mark.parametrize("dialect", ["mysql", "postgresql"])
def test_a_count_of_a_god_view_reads_no_rows_of_the_log(dialect: str) -> None:
    made = HandMade("CREATE TABLE t (id INT PRIMARY KEY, n INT, p INT)", dialect)
    made.log("c", 1, {"id": 1, "n": 5, "p": 1})
    made.snapshot(0, {"id": 2, "n": 6, "p": 1})
    count = "SELECT COUNT(*) AS n FROM shop.t"
    of_count, of_n = (
        bytes_read(made.warehouse, query) for query in (count, "SELECT n FROM shop.t")
    )
    assert of_count is not None
    assert of_n is not None
    # The log's `after`, whole, and the snapshot's column.
    assert of_n - of_count == len('{"id": 1, "n": 5, "p": 1}') + 8


def test_duckdb_reads_no_more_for_a_count_than_bigquery() -> None:
    made = HandMade("CREATE TABLE t (id INT PRIMARY KEY, n INT)", "mysql")
    made.log("c", 1, {"id": 1, "n": 5})
    of_count, of_n = (
        made.warehouse._connection.execute(f"EXPLAIN {sql}").fetchall()[0][1]  # noqa: SLF001
        for asked in ("COUNT(*) AS n", "SUM(n) AS n")
        for sql in translated(f"SELECT {asked} FROM ({god_view_sql(made.table)})")  # noqa: S608
    )
    assert "after" in of_n
    assert "after" not in of_count
