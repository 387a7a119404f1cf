"""SQL jobs that change the rows of a table of BigQuery, over one in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kami.bigquery_warehouse import EMULATOR
from pipeline_io import bigquery_streams
from pipeline_io.bigquery_config import STORAGE_EMULATOR_VARIABLE
from pipelines import sql_job
from tests.io.bigquery_rows import BigQuery, running
from tests.io.bigquery_stand_in import path_of
from tests.pipelines.recorded import json_lines

ITEMS = """
CREATE TABLE items (id BIGINT, name STRING, op STRING METADATA, order_key STRING METADATA)
WITH ('connector' = 'recording', 'path' = 'tests/data/recordings/mysql_adaptive',
      'topic' = 'mysql_adaptive.shop.items', 'value.format' = 'debezium-avro-confluent');
"""
COPY = """
CREATE TABLE copy (id BIGINT, name STRING, parts ROW<a BIGINT, b STRING>{columns}
  PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'bigquery', 'project' = 'shop-1', 'dataset' = 'shop', 'table' = 'copy',
      'sink.mode' = 'upsert', 'sink.retry-timeout' = '20 s'{options});
INSERT INTO copy SELECT id, name, ROW(id, name){values} FROM items WHERE op NOT IN ('t', 'm');
"""
KEPT = """
CREATE TABLE events (id BIGINT, name STRING, op STRING)
WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'json');
INSERT INTO events SELECT id, name, op FROM items WHERE op NOT IN ('t', 'm');
"""
SCRIPT, EVENTS = ITEMS + COPY, ITEMS + KEPT


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQuery]:
    with running() as service:
        monkeypatch.setenv(EMULATOR, service.rest.endpoint)
        monkeypatch.setenv(STORAGE_EMULATOR_VARIABLE, f"127.0.0.1:{service.storage.port}")
        monkeypatch.setattr(bigquery_streams, "_FIRST_WAIT_SECONDS", 0.01)
        monkeypatch.setattr(bigquery_streams, "_LONGEST_WAIT_SECONDS", 0.05)
        yield service


def run(folder: Path, script: str = SCRIPT, **parts: str) -> int:
    path = folder / "job.sql"
    parts = {"columns": ",", "options": "", "values": "", "path": "", **parts}
    path.write_text(script.format(**parts), encoding="utf-8")
    return sql_job.main([f"--job={path}", f"--output_dir={folder}"])


def final(folder: Path) -> dict[int, str | None]:
    """The rows of the source's table in the end, but for its truncate."""
    path = folder / "events.jsonl"
    assert run(folder, EVENTS, path=str(path)) == 0
    rows: dict[int, str | None] = {}
    for event in json_lines(path):
        if event["op"] == "d":
            del rows[event["id"]]
        else:
            rows[event["id"]] = event["name"]
    return rows


def seen(service: BigQuery) -> dict[int, str | None]:
    rows = service.storage.changed[path_of("copy")].rows
    assert all(row["parts"] == {"a": row["id"], "b": row["name"]} for row in rows)
    return {row["id"]: row["name"] for row in rows}


def test_a_table_becomes_the_sources_with_its_deletes_however_often_it_runs(
    service: BigQuery, tmp_path: Path
) -> None:
    expected = final(tmp_path)
    assert len(expected) > 100
    for _ in range(2):
        assert run(tmp_path, options=", 'sink.max-staleness' = '15 min'") == 0
        assert seen(service) == expected
    assert service.rest.tables["copy"]["maxStaleness"] == "0-0 0 0:15:0"


def test_columns_of_the_script_say_what_is_deleted_and_the_order(
    service: BigQuery, tmp_path: Path
) -> None:
    parts = {"columns": ", what STRING, k STRING,", "values": ", op, order_key"}
    options = ", 'sink.delete-on' = 'what = ''d''', 'sink.order-key-column' = 'k'"
    assert run(tmp_path, options=options, **parts) == 0
    assert seen(service) == final(tmp_path)
    fields = [field["name"] for field in service.rest.tables["copy"]["schema"]["fields"]]
    assert fields == ["id", "name", "parts", "k"]


UPSERT = "'sink.mode' = 'upsert'"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((", PRIMARY KEY (id) NOT ENFORCED", ""), "declare PRIMARY KEY (...) NOT ENFORCED"),
        ((UPSERT, "'sink.delete-on' = 'never'"), "is of the mode upsert"),
        ((UPSERT, "'sink.max-staleness' = '1 min'"), "is of the mode upsert"),
        ((UPSERT, f"{UPSERT}, 'sink.order-key-column' = 'nam'"), "no STRING column of the sink"),
        ((UPSERT, f"{UPSERT}, 'sink.delete-on' = 'o = ''d'''"), "'o', which is no column"),
        (("KEY (id)", "KEY (parts)"), "CAST it AS STRING"),
    ],
)
def test_what_cannot_be_is_told_of_before_a_record(
    service: BigQuery,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    said: str,
) -> None:
    script = SCRIPT.replace("{columns}\n ", ",").replace(*change)
    assert run(tmp_path, script) == 2
    assert said in capsys.readouterr().err.replace("\n", " ")
    assert "copy" not in service.rest.tables
