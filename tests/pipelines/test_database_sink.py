"""SQL jobs that write to a table of a database."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipelines import sql_job
from tests.pipelines.recorded import json_lines
from transforms.sql.connectors import Role
from transforms.sql.connectors_jdbc import JDBC

SCRIPT = """
CREATE TABLE items (id BIGINT, name STRING, price DECIMAL(10, 2), op STRING METADATA)
WITH ('connector' = 'recording', 'path' = 'tests/data/recordings/mysql_adaptive',
      'topic' = 'mysql_adaptive.shop.items', 'value.format' = 'debezium-avro-confluent');
CREATE TABLE kept (id BIGINT, name STRING, price DECIMAL(10, 2), tags ARRAY<STRING>{columns}
  PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'jdbc', 'url' = '{url}', 'table-name' = 'kept'{options});
INSERT INTO kept SELECT id, name, price, ARRAY[name]{values} FROM items;
"""
DDL = """CREATE TABLE kept (id BIGINT PRIMARY KEY, name TEXT, price DECIMAL(10, 2), tags JSON,
  order_key TEXT, gone BOOLEAN)"""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "kept.db"
    query(path, DDL)
    return path


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute(statement).fetchall()
        connection.commit()
        return found


def run(path: Path, *flags: str, url: str = "", **parts: str) -> int:
    script = path.parent / "job.sql"
    parts = {"columns": ",", "options": "", "values": "", **parts}
    script.write_text(SCRIPT.format(url=url or f"jdbc:sqlite:{path}", **parts), encoding="utf-8")
    return sql_job.main([f"--job={script}", f"--output_dir={path.parent}", *flags])


@pytest.fixture(scope="session")
def final(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str | None]:
    """The rows that the source's table has in the end, but for the truncate: it names no row."""
    folder = tmp_path_factory.mktemp("events")
    source = SCRIPT[: SCRIPT.index("CREATE TABLE kept")]
    script = folder / "events.sql"
    script.write_text(
        f"""{source}
        CREATE TABLE events (id BIGINT, name STRING, op STRING)
        WITH ('connector' = 'filesystem', 'path' = '{folder}/events.jsonl', 'format' = 'json');
        INSERT INTO events SELECT id, name, op FROM items WHERE op <> 't';""",  # noqa: S608
        encoding="utf-8",
    )
    assert sql_job.main([f"--job={script}", f"--output_dir={folder}"]) == 0
    rows: dict[int, str | None] = {}
    for event in json_lines(folder / "events.jsonl"):
        if event["op"] == "d":
            rows.pop(event["id"])
        else:
            rows[event["id"]] = event["name"]
    assert len(rows) > 100
    return rows


IN_ORDER = ", 'sink.order-key-column' = 'order_key'"


@pytest.mark.parametrize("options", ["", IN_ORDER])
def test_a_table_becomes_the_sources_with_its_deletes(
    kept: Path, final: dict[int, str | None], options: str
) -> None:
    for _ in range(2):
        assert run(kept, options=options) == 0
        rows = query(kept, "SELECT id, name, tags FROM kept")
        assert {row[0]: row[1] for row in rows} == final
        assert all(json.loads(row[2]) == [row[1]] for row in rows)


def test_deleted_rows_are_marked_and_keep_their_order(
    kept: Path, final: dict[int, str | None]
) -> None:
    assert run(kept, options=IN_ORDER + ", 'sink.deleted-column' = 'gone'") == 0
    rows = query(kept, "SELECT id, name, gone, order_key FROM kept")
    assert {row[0]: row[1] for row in rows if not row[2]} == final
    assert any(row[2] for row in rows)
    assert all(len(row[3]) == 47 for row in rows)


def test_rows_that_the_database_refuses_are_dead_letters(
    kept: Path, final: dict[int, str | None]
) -> None:
    query(kept, "DROP TABLE kept")
    query(kept, DDL.replace("name TEXT", "name TEXT CHECK (id <> 900001)"))
    assert run(kept) == 0
    letters = json_lines(kept.parent / "dead_letters.jsonl")
    truncates = [letter for letter in letters if letter["stage"] == "project"]
    assert {"kept.id is NOT NULL" in one["message"] for one in truncates} == {True}
    refused = [letter for letter in letters if letter not in truncates]
    assert refused
    for letter in refused:
        assert (letter["stage"], letter["statement"]) == ("publish", "kept")
        assert letter["error_class"] == "RefusedByDatabase"
        assert "CHECK constraint failed" in letter["message"]
        assert letter["topic"] == "mysql_adaptive.shop.items"
    expected = {key: name for key, name in final.items() if key != 900001}
    assert dict(query(kept, "SELECT id, name FROM kept")) == expected


def test_a_column_of_the_script_says_what_is_deleted(
    kept: Path, final: dict[int, str | None]
) -> None:
    parts = {"columns": ", gone_from STRING,", "values": ", op"}
    assert run(kept, options=", 'sink.delete-on' = 'gone_from = ''d'''", **parts) == 0
    assert dict(query(kept, "SELECT id, name FROM kept")) == final


def test_a_recording_writes_a_file_in_place_of_the_table(kept: Path) -> None:
    query(kept, "DROP TABLE kept")
    assert run(kept, "--recording=tests/data/recordings/mysql_adaptive") == 0
    assert json_lines(kept.parent / "kept.jsonl")


def test_the_plan_shows_the_sink_without_asking_it(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {"options": ", 'username' = 'u', 'password' = 'env://NOWHERE'"}
    assert run(kept, "--explain", url="jdbc:postgresql://nowhere/shop", **parts) == 0
    said = capsys.readouterr().out
    assert "sink kept: jdbc" in said
    assert "password = ***" in said


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"url": "jdbc:postgresql://u:hunter2@h/d"}, "holds a password in plain text"),
        ({"options": ", 'sink.delete-on' = 'op = ''d'''"}, "'op', which is no column of the sink"),
        ({"options": ", 'sink.delete-on' = 'deleted'"}, "expected 'never' or a condition"),
        ({"options": ", 'sink.delete-on' = 'id = ''1'''"}, "a column of the key"),
        ({"options": ", 'sink.order-key-column' = 'id'"}, "a column of the key"),
        (
            {"options": ", 'sink.deleted-column' = 'g', 'sink.delete-on' = 'never'"},
            "'sink.delete-on' is 'never'",
        ),
        ({"options": ", 'sink.deleted-column' = 'name'"}, "declare the table without it"),
        ({"columns": ", t TIME(9),", "values": ", CAST(NULL AS TIME(9))"}, "declare it as TIME(6)"),
        ({"columns": ", nme STRING,", "values": ", name"}, "it has no column 'nme'"),
    ],
)
def test_what_cannot_be_is_told_of_before_a_record(
    kept: Path, capsys: pytest.CaptureFixture[str], parts: dict[str, str], said: str
) -> None:
    assert run(kept, **parts) == (1 if "nme" in str(parts) else 2)
    told = capsys.readouterr().err
    assert said in told.replace("\n", " ")
    assert "hunter2" not in told
    assert query(kept, "SELECT COUNT(*) FROM kept") == [(0,)]


@pytest.mark.parametrize("option", ["delete-on", "order-key-column", "deleted-column"])
def test_without_a_key_nothing_tells_rows_apart(
    kept: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    value = "never" if option == "delete-on" else "order_key"
    script = SCRIPT.replace(",\n  PRIMARY KEY (id) NOT ENFORCED", "").replace(
        "{columns}\n  PRIMARY KEY (id) NOT ENFORCED", ""
    )
    path = kept.parent / "job.sql"
    options = f", 'sink.{option}' = '{value}'"
    path.write_text(script.format(url=f"jdbc:sqlite:{kept}", options=options, values=""))
    assert sql_job.main([f"--job={path}", f"--output_dir={kept.parent}"]) == 2
    assert "declare PRIMARY KEY (...) NOT ENFORCED" in capsys.readouterr().err


def test_the_connector_is_a_lookup_and_a_sink() -> None:
    assert JDBC.roles == {Role.LOOKUP, Role.SINK}
