"""What the queries of a job mean: names, views, unions and lookups give the right rows."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.recorded import event, item, json_lines, run_script, write_recording

DECLARED = """
CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), user_id BIGINT, small INT, op STRING METADATA,
  proctime AS PROCTIME(), twice AS id * 2
) WITH ('connector' = 'recording', 'path' = '${RECORDING}');
CREATE TABLE users (id BIGINT, name STRING, level INT)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///${DATABASE}', 'table-name' = 'users');
CREATE TABLE flags (user_id BIGINT, flag STRING)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///${DATABASE}', 'table-name' = 'flags');
CREATE TABLE sink (id BIGINT, text STRING)
WITH ('connector' = 'filesystem', 'path' = '${OUTPUT_DIR}/rows.jsonl', 'format' = 'json');
"""
ROWS = [
    item(1, name="a", user_id=1, price=Decimal("1.50")),
    item(2, name="b", user_id=2),
    item(3, name=None, user_id=None),
]


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    recording = write_recording(tmp_path / "recording", [event("c", row) for row in ROWS])
    database = sqlite3.connect(tmp_path / "users.db")
    database.executescript(
        "CREATE TABLE users (id INTEGER, name TEXT, level INTEGER);"
        "INSERT INTO users VALUES (1, 'Änne', 5), (1, 'Anna', 7), (2, 'Bo', 5);"
        "CREATE TABLE flags (user_id INTEGER, flag TEXT);"
        "INSERT INTO flags VALUES (1, 'x'), (1, 'w'), (2, 'y');"
    )
    database.close()
    return [f"--variable=RECORDING={recording}", f"--variable=DATABASE={tmp_path / 'users.db'}"]


def rows_of(query: str, folder: Path, flags: list[str]) -> list[tuple[Any, ...]]:
    """The rows of an INSERT INTO sink (two columns), in order; the counts must add up."""
    code, summary = run_script(DECLARED + query, folder, *flags)
    assert code == 0
    outcomes = ("events", "filtered", "tombstones", "dead_letters")
    assert summary["records"] + summary["multiplied"] == sum(summary[name] for name in outcomes)
    return [tuple(row.values()) for row in json_lines(folder / "out" / "rows.jsonl")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(
            "INSERT INTO sink (text, id) SELECT name, twice FROM items",
            [(2, "a"), (4, "b"), (6, None)],
            id="columns in the order of the INSERT",
        ),
        pytest.param(
            "INSERT INTO sink (text) (SELECT name FROM items WHERE id < 2)",
            [(None, "a")],
            id="a column that is not given is NULL",
        ),
        pytest.param(
            "CREATE VIEW v AS SELECT id, name FROM items; INSERT INTO sink "
            "WITH items AS (SELECT id + 100 AS id, 'cte' AS name FROM items) "
            "SELECT id, name FROM v WHERE id = 1",
            [(1, "a")],
            id="a view sees tables, not the WITH clause of who uses it",
        ),
        pytest.param(
            "INSERT INTO sink WITH items AS (SELECT id + 100 AS id, name FROM items), "
            "b (c, d) AS (SELECT * FROM items) SELECT c, d FROM b WHERE d = 'a'",
            [(101, "a")],
            id="a WITH clause may take a table's name, and later names see it",
        ),
        pytest.param(
            "INSERT INTO sink WITH x AS (SELECT id, name FROM items WHERE id = 1) "
            "SELECT * FROM x UNION ALL SELECT id + 10, name FROM x",
            [(1, "a"), (11, "a")],
            id="both sides of a UNION ALL see the WITH clause",
        ),
        pytest.param(
            "CREATE VIEW u AS SELECT id AS n FROM items WHERE id = 3 "
            "UNION ALL SELECT price FROM items WHERE id = 1; "
            "INSERT INTO sink SELECT 0, CAST(n / 2 AS STRING) FROM u",
            [(0, "1.5000000000000"), (0, "0.7500000000000")],
            id="a UNION ALL has one type: integers are no longer integers beside decimals",
        ),
        pytest.param(
            "INSERT INTO sink SELECT x.id, x.name FROM (SELECT * FROM items) AS x "
            "WHERE x.id <> 2 AND (x.name IS NULL OR x.price > 1)",
            [(1, "a"), (3, None)],
            id="a subquery in FROM",
        ),
        pytest.param(
            "INSERT INTO sink SELECT i.id, u.name FROM items AS i "
            "JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.user_id",
            [(1, "Änne"), (1, "Anna"), (2, "Bo")],
            id="an inner lookup join drops misses and multiplies",
        ),
        pytest.param(
            "INSERT INTO sink SELECT i.id, u.name FROM items AS i LEFT JOIN users "
            "FOR SYSTEM_TIME AS OF i.proctime AS u ON i.user_id = u.id AND u.level > 5",
            [(1, "Anna"), (2, None), (3, None)],
            id="a left lookup join keeps what the rest of its condition drops",
        ),
        pytest.param(
            "INSERT INTO sink SELECT i.id, v.name FROM items AS i "
            "JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.user_id AND u.level = 5 "
            "LEFT JOIN users FOR SYSTEM_TIME AS OF i.proctime AS v "
            "ON v.id = i.user_id AND v.level = u.level",
            [(1, "Änne"), (2, "Bo")],
            id="two lookups of one table, the second by a column of the first",
        ),
        pytest.param(
            "INSERT INTO sink SELECT i.id, u.name FROM items AS i "
            "JOIN users FOR SYSTEM_TIME AS OF i.proctime AS u ON u.id = i.user_id WHERE i.id > 9",
            [],
            id="a lookup that no row comes to",
        ),
        pytest.param(
            "INSERT INTO sink SELECT i.id, u.name FROM items AS i JOIN users "
            "FOR SYSTEM_TIME AS OF i.proctime AS u ON ((u.level = 5) AND (u.id = (i.user_id)))",
            [(1, "Änne"), (2, "Bo")],
            id="a condition in brackets, with a constant as a key",
        ),
    ],
)
def test_a_query_gives_the_expected_rows(
    query: str, expected: list[tuple[Any, ...]], tmp_path: Path, flags: list[str]
) -> None:
    assert rows_of(f"{query};", tmp_path, flags) == expected


def test_arrays_looked_up_in_a_view_and_over_it_stay_apart(
    tmp_path: Path, flags: list[str]
) -> None:
    ordered = "SELECT flag FROM flags WHERE user_id = :key ORDER BY flag"
    script = f"""
    CREATE TABLE arrays (a ARRAY<ROW<flag STRING>>, b ARRAY<ROW<flag STRING>>, c BIGINT)
    WITH ('connector' = 'filesystem', 'path' = '${{OUTPUT_DIR}}/rows.jsonl', 'format' = 'json');
    CREATE VIEW v AS SELECT id, LOOKUP_ARRAY('flags', '{ordered}', user_id) AS inner_flags,
      user_id FROM items;
    INSERT INTO arrays
    SELECT inner_flags, LOOKUP_ARRAY('flags', '{ordered} DESC', user_id), id FROM v
    WHERE CARDINALITY(LOOKUP_ARRAY('flags', '{ordered}', id)) < 2;
    """  # noqa: S608 (a script of this test)
    found = rows_of(script, tmp_path, flags)
    assert found == [([{"flag": "y"}], [{"flag": "y"}], 2), ([], [], 3)]


def test_several_statements_read_a_source_once_and_write_their_own_files(
    tmp_path: Path, flags: list[str]
) -> None:
    script = """
    CREATE TABLE other (id BIGINT)
    WITH ('connector' = 'filesystem', 'path' = '${OUTPUT_DIR}/other.jsonl', 'format' = 'json');
    EXECUTE STATEMENT SET BEGIN
      INSERT INTO sink SELECT id, CASE WHEN id = 1 THEN 'one' ELSE 'more' END FROM items;
      INSERT INTO other SELECT id FROM items WHERE id > 1;
      INSERT INTO sink SELECT id, 'again' FROM items WHERE id = 1;
    END;
    """
    found = rows_of(script, tmp_path, flags)
    assert sorted(found) == [(1, "again"), (1, "one"), (2, "more"), (3, "more")]
    assert [row["id"] for row in json_lines(tmp_path / "out" / "other.jsonl")] == [2, 3]


def test_null_into_a_not_null_column_is_a_dead_letter_with_its_place(
    tmp_path: Path, flags: list[str]
) -> None:
    script = DECLARED.replace("text STRING", "text STRING NOT NULL")
    script += "INSERT INTO sink SELECT id, name FROM items;"
    code, summary = run_script(script, tmp_path, *flags)
    assert (code, summary["events"], summary["dead_letters"]) == (0, 2, 1)
    (letter,) = json_lines(tmp_path / "out" / "dead_letters.jsonl")
    assert "sink.text is NOT NULL, and the value is NULL" in letter["message"]
    assert "job.sql:12:29" in letter["message"]


def test_print_writes_json_lines_on_standard_output(
    tmp_path: Path, flags: list[str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    script = """
    CREATE TABLE shown (id BIGINT, `text of it` STRING) WITH ('connector' = 'print');
    INSERT INTO shown SELECT id, name FROM items WHERE id = 1;
    """
    assert run_script(DECLARED + script, tmp_path, *flags)[0] == 0
    assert b'{"id":1,"text of it":"a"}\n' in capfdbinary.readouterr().out
