"""SQL jobs that write to a table of Spanner, on the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import sql_job
from tests.pipelines.recorded import json_lines
from tests.stack.spanner_databases import SpannerDatabase
from transforms.sql.connectors import Role
from transforms.sql.connectors_spanner import SPANNER

SCRIPT = """
CREATE TABLE items (id BIGINT, name STRING, price DECIMAL(10, 2), op STRING METADATA)
WITH ('connector' = 'recording', 'path' = 'tests/data/recordings/mysql_adaptive',
      'topic' = 'mysql_adaptive.shop.items', 'value.format' = 'debezium-avro-confluent');
CREATE TABLE kept (id BIGINT, name STRING, price DECIMAL(10, 2), tags ARRAY<STRING>{columns}
  PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'spanner', 'project' = '{project}', 'instance' = '{instance}',
      'database' = '{database}', 'table' = 'kept'{options});
INSERT INTO kept SELECT id, name, price, ARRAY[name]{values} FROM items;
"""
DDL = """CREATE TABLE kept (id INT64 NOT NULL, name STRING(MAX), price NUMERIC,
  tags ARRAY<STRING(MAX)>, order_key STRING(MAX), gone BOOL) PRIMARY KEY (id)"""
IN_ORDER = ", 'sink.order-key-column' = 'order_key'"
MARKED = f"{IN_ORDER}, 'sink.deleted-column' = 'gone'"


@pytest.fixture
def kept(spanner_database: SpannerDatabase) -> Iterator[SpannerDatabase]:
    spanner_database.ddl(DDL)
    yield spanner_database


def run(kept: SpannerDatabase, folder: Path, **parts: str) -> int:
    parts = {"columns": ",", "options": "", "values": "", **parts}
    names = {"project": kept.project, "instance": kept.instance, "database": kept.name}
    script = folder / "job.sql"
    script.write_text(SCRIPT.format(**names, **parts), encoding="utf-8")
    return sql_job.main([f"--job={script}", f"--output_dir={folder}"])


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
    return rows


@pytest.mark.parametrize("options", ["", IN_ORDER, MARKED])
def test_a_table_becomes_the_sources_with_its_deletes_however_often_it_is_written(
    kept: SpannerDatabase, tmp_path: Path, final: dict[int, str | None], options: str
) -> None:
    for _ in range(2):
        assert run(kept, tmp_path, options=options) == 0
        rows = kept.query("SELECT id, name, tags, gone FROM kept")
        there = {row[0]: row[1] for row in rows if not row[3]}
        assert there == final
        assert all(row[2] == [row[1]] for row in rows if row[0] in there)
        letters = letters_of(tmp_path)
        assert [letter["error_class"] for letter in letters] == ["ValueRefused"]
    gone = [row for row in rows if row[3]]
    assert bool(gone) is (options == MARKED)


def test_a_row_that_spanner_refuses_is_a_dead_letter_alone(
    spanner_database: SpannerDatabase, tmp_path: Path, final: dict[int, str | None]
) -> None:
    spanner_database.ddl(DDL.replace("name STRING(MAX)", "name STRING(MAX) NOT NULL"))
    assert run(spanner_database, tmp_path) == 0
    found = dict(spanner_database.query("SELECT id, name FROM kept"))
    assert found == {id_: name for id_, name in final.items() if name is not None}
    refused = [one for one in letters_of(tmp_path) if one["error_class"] != "ValueRefused"]
    without = [id_ for id_, name in final.items() if name is None]
    assert len(refused) >= len(without)
    assert {letter["error_class"] for letter in refused} <= {"FAILED_PRECONDITION"}


def test_the_order_key_may_be_a_column_of_the_script(kept: SpannerDatabase, tmp_path: Path) -> None:
    kept.ddl("ALTER TABLE kept ADD COLUMN version INT64")
    kept.insert("kept", ["id", "name", "version"], [[1, "newer", 1_000_000]])
    options = ", 'sink.order-key-column' = 'version', 'sink.delete-on' = 'never'"
    assert run(kept, tmp_path, columns=", version BIGINT,", values=", id", options=options) == 0
    assert kept.query("SELECT name FROM kept WHERE id = 1") == [("newer",)]
    assert kept.query("SELECT COUNT(*) FROM kept WHERE id = version")[0][0] > 100


def test_rows_and_arrays_of_arrays_are_json_and_times_are_utc(
    kept: SpannerDatabase, tmp_path: Path
) -> None:
    kept.ddl(
        "ALTER TABLE kept ADD COLUMN whole JSON",
        "ALTER TABLE kept ADD COLUMN nested JSON",
        "ALTER TABLE kept ADD COLUMN moment TIMESTAMP",
        "ALTER TABLE kept ADD COLUMN rate FLOAT64",
    )
    columns = (
        ", whole ROW<n BIGINT>, nested ARRAY<ARRAY<BIGINT>>, moment TIMESTAMP(6), rate DOUBLE,"
    )
    values = ", ROW(id), ARRAY[ARRAY[id]], TIMESTAMP '2026-01-31 12:00:00.25', CAST(id AS DOUBLE)"
    assert run(kept, tmp_path, columns=columns, values=values) == 0
    found = kept.query(
        "SELECT TO_JSON_STRING(whole), TO_JSON_STRING(nested), CAST(moment AS STRING), rate "
        "FROM kept WHERE id = 1"
    )
    assert found == [('{"n":1}', "[[1]]", "2026-01-31 04:00:00.250-08", 1.0)]


@pytest.mark.parametrize(
    ("ddl", "said"),
    [
        (DDL.replace("price NUMERIC", "prize NUMERIC"), "no column 'price'; did you mean 'prize'"),
        (DDL.replace("price NUMERIC", "price INT64"), "'price' is INT64, which does not take NUM"),
        (DDL.replace("gone BOOL", "gone BOOL NOT NULL"), "'gone' is NOT NULL"),
        (DDL.replace("(id)", "(id, name)"), "its primary key is (id, name)"),
        (DDL.replace("TABLE kept", "TABLE keep"), "has no table 'kept'; did you mean 'keep'"),
    ],
)
def test_a_table_that_does_not_take_the_rows_is_said_before_a_record_is_read(
    spanner_database: SpannerDatabase,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    ddl: str,
    said: str,
) -> None:
    spanner_database.ddl(ddl)
    assert run(spanner_database, tmp_path) != 0
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"columns": ", at TIME,", "values": ", TIME '10:00:00'"}, "Spanner has no TIME"),
        ({"columns": ", n DECIMAL(38, 10),", "values": ", price"}, "29 digits before the point"),
        ({"options": ", 'sink.order-key-column' = 'id'"}, "a column of the key"),
        (
            {"options": ", 'sink.delete-on' = 'never', 'sink.deleted-column' = 'gone'"},
            "leave out one",
        ),
    ],
)
def test_what_spanner_cannot_hold_is_said_without_asking_it(
    kept: SpannerDatabase,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    parts: dict[str, str],
    said: str,
) -> None:
    assert run(kept, tmp_path, **parts) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_table_of_spanner_is_a_sink_alone() -> None:
    assert SPANNER.roles == {Role.SINK}


def letters_of(folder: Path) -> list[dict[str, Any]]:
    (path,) = folder.glob("**/dead_letters*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
