"""SQL jobs that write to a table of BigQuery, over one in this process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kami.bigquery_warehouse import EMULATOR
from pipeline_io import bigquery_streams
from pipeline_io.bigquery_config import STORAGE_EMULATOR_VARIABLE
from pipelines import sql_job
from pipelines.bigquery_tables import row_table
from pipelines.sinks import check_sink_texts
from tests.io.bigquery_rows import BigQuery, running
from tests.io.bigquery_stand_in import path_of
from tests.pipelines.recorded import json_lines
from transforms.sql.errors import Script
from transforms.sql.run import JobText

SCRIPT = """
CREATE TABLE items (id BIGINT, name STRING, price DECIMAL(10, 2), event_id STRING METADATA,
  ts_ms TIMESTAMP_LTZ(3) METADATA)
WITH ('connector' = 'recording', 'path' = 'tests/data/recordings/mysql_adaptive',
      'topic' = 'mysql_adaptive.shop.items', 'value.format' = 'debezium-avro-confluent');
CREATE TABLE analysts (_event_id STRING, at TIMESTAMP_LTZ(3), id BIGINT, price DECIMAL(10, 2),
  payload ROW<id BIGINT, name STRING>, names MAP<STRING, STRING>, tags ARRAY<STRING>)
WITH ('connector' = 'bigquery', 'project' = 'shop-1', 'dataset' = 'shop', 'table' = 'events',
      'partition-by' = 'at', 'cluster-by' = 'id', 'json-columns' = 'payload', {options}
      'sink.retry-timeout' = '20 s');
INSERT INTO analysts
SELECT event_id, ts_ms, id, price, ROW(id, name), MAP['name', name], ARRAY[name] FROM items
WHERE name IS NOT NULL;
"""

KAFKA = "'connector' = 'kafka', 'properties.bootstrap.servers' = 'b:1'"
PRINTED = """
CREATE TABLE o (id BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT id FROM items;
"""
WINDOWS = """
CREATE TABLE items (id BIGINT, ts TIMESTAMP_LTZ(3) METADATA FROM 'ts_ms', WATERMARK FOR ts AS ts)
WITH ('connector' = 'recording', 'path' = 'tests/data/recordings/mysql_adaptive',
      'topic' = 'mysql_adaptive.shop.items', 'value.format' = 'debezium-avro-confluent');

CREATE TABLE counts (id BIGINT, `n-n` BIGINT)
WITH ('connector' = 'bigquery', 'project' = 'p', 'dataset' = 'd', 'table' = 't');

INSERT INTO counts
SELECT id, COUNT(*) FROM TABLE(TUMBLE(TABLE items, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, id;
"""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQuery]:
    with running() as service:
        monkeypatch.setenv(EMULATOR, service.rest.endpoint)
        monkeypatch.setenv(STORAGE_EMULATOR_VARIABLE, f"127.0.0.1:{service.storage.port}")
        monkeypatch.setattr(bigquery_streams, "_FIRST_WAIT_SECONDS", 0.01)
        monkeypatch.setattr(bigquery_streams, "_LONGEST_WAIT_SECONDS", 0.05)
        yield service


def run(folder: Path, *flags: str, options: str = "") -> int:
    script = folder / "job.sql"
    script.write_text(SCRIPT.format(options=options), encoding="utf-8")
    return sql_job.main([f"--job={script}", f"--output_dir={folder}", *flags])


def stored(service: BigQuery) -> list[dict[str, Any]]:
    return service.storage.stored[path_of("events")]


def letters(folder: Path) -> list[dict[str, Any]]:
    return json_lines(folder / "dead_letters.jsonl")


def made_before(service: BigQuery, *columns: tuple[str, str]) -> None:
    """The table is there with these columns."""
    service.sink().ensure_table("events", columns)


def test_rows_are_stored_as_typed_columns_and_refused_ones_are_dead_letters(
    service: BigQuery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.storage.judge = lambda row: "not that one" if row["id"] == 2 else None
    assert run(tmp_path) == 0
    rows = stored(service)
    assert len(rows) > 10
    for row in rows:
        payload = json.loads(row["payload"])
        assert payload["id"] == row["id"]
        assert json.loads(row["names"]) == {"name": payload["name"]}
        assert row["tags"] == [payload["name"]]
        assert row["at"].tzinfo is not None
    assert len({row["_event_id"] for row in rows}) == len(rows)
    fields = {f["name"]: f["type"] for f in service.rest.tables["events"]["schema"]["fields"]}
    assert (fields["payload"], fields["names"], fields["price"]) == ("JSON", "JSON", "NUMERIC")

    refused = letters(tmp_path)
    assert refused
    for letter in refused:
        assert (letter["stage"], letter["statement"]) == ("publish", "analysts")
        assert letter["error_class"] == "RefusedByBigQuery"
        assert "not that one" in letter["message"]
        assert letter["topic"] == "mysql_adaptive.shop.items"
    assert 2 not in {row["id"] for row in rows}
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    (counts,) = summary["statements"].values()
    assert counts["events"] == len(rows) + len(refused)
    assert f"{len(refused):,} of the events were refused" in capsys.readouterr().out


OLD = (("_event_id", "STRING"), ("at", "TIMESTAMP"), ("id", "INT64"), ("names", "JSON"))
EVERY = ["_event_id", "at", "id", "names", "price", "payload", "tags"]


def test_a_job_stops_before_a_record_where_the_table_lacks_columns(
    service: BigQuery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_before(service, *OLD)
    assert run(tmp_path) == 1
    said = capsys.readouterr().err
    assert (
        "run ALTER TABLE `shop-1.shop.events` ADD COLUMN `price` NUMERIC(10, 2), ADD COLUMN "
        "`payload` JSON, ADD COLUMN `tags` ARRAY<STRING>"
    ) in said
    assert stored(service) == []
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("by_flag", [True, False])
def test_lacking_columns_are_added_and_written(
    service: BigQuery, tmp_path: Path, by_flag: bool
) -> None:
    made_before(service, *OLD)
    flags = ["--schema_evolution=add"] if by_flag else []
    assert run(tmp_path, *flags, options="" if by_flag else "'sink.schema-evolution' = 'add',") == 0
    fields = service.rest.tables["events"]["schema"]["fields"]
    assert [field["name"] for field in fields] == EVERY
    assert len(stored(service)) > 10
    assert all(json.loads(row["payload"])["id"] == row["id"] for row in stored(service))


def test_lacking_columns_are_left_out_and_told_of_once(
    service: BigQuery,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made_before(service, *OLD)
    assert (
        run(tmp_path, "--schema_evolution=ignore", options="'sink.schema-evolution' = 'add',") == 0
    )
    assert len(stored(service)) > 10
    assert {tuple(row) for row in stored(service)} == {("_event_id", "at", "id", "names")}
    told = [each for each in caplog.messages if "rows are stored without" in each]
    assert len(told) == 1
    assert "'price' (NUMERIC(10, 2)), the column 'payload' (JSON)" in told[0]
    # Payload and tags of each row, and the prices that are there.
    (left_out,) = re.findall(r"([\d,]+) values were left out", capsys.readouterr().out)
    count = int(left_out.replace(",", ""))
    assert 2 * len(stored(service)) < count <= 3 * len(stored(service))


def test_a_table_that_is_missing_is_told_of_where_it_may_not_be_made(
    service: BigQuery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, options="'create' = 'never',") == 1
    said = capsys.readouterr().err
    assert "the BigQuery table shop-1.shop.events does not exist" in said
    assert "CREATE TABLE `shop-1.shop.events`" in said
    assert service.rest.tables == {}


def test_mistakes_of_the_script_are_told_at_their_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, options="'json-columns' = 'tags',") == 2
    assert "given twice" in capsys.readouterr().err
    text = SCRIPT.format(options="").replace("'partition-by' = 'at'", "'partition-by' = 'id'")
    script = tmp_path / "job.sql"
    script.write_text(text.replace("tags ARRAY", "`ta-gs` ARRAY"), encoding="utf-8")
    assert sql_job.main([f"--job={script}", f"--output_dir={tmp_path}"]) == 2
    assert "job.sql:7:" in capsys.readouterr().err
    script.write_text(text, encoding="utf-8")
    assert sql_job.main([f"--job={script}", f"--output_dir={tmp_path}"]) == 2
    assert "cannot be partitioned by 'id'" in capsys.readouterr().err


def test_the_table_of_a_statement_with_windows_is_checked_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "job.sql"
    script.write_text(WINDOWS, encoding="utf-8")
    assert sql_job.main([f"--job={script}", f"--output_dir={tmp_path}", "--explain"]) == 2
    said = capsys.readouterr().err
    assert "job.sql:6:33: the column 'n-n' has no name that BigQuery takes" in said


def test_the_flag_is_refused_where_no_table_takes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SCRIPT.format(options="").partition("CREATE TABLE analysts")[0]
    script = tmp_path / "job.sql"
    script.write_text(
        f"{text}{PRINTED}",
        encoding="utf-8",
    )
    flags = [f"--job={script}", f"--output_dir={tmp_path}", "--schema_evolution=add"]
    assert sql_job.main(flags) == 2
    assert "this job writes to none" in capsys.readouterr().err


def documented() -> str:
    """The example of the page on BigQuery."""
    page = (Path(__file__).parents[2] / "docs" / "bigquery.md").read_text(encoding="utf-8")
    text = page.partition("## As a sink of SQL jobs")[2].partition("\nWith `--follow`")[0]
    return "".join(f"{line[4:]}\n" for line in text.splitlines() if line.startswith("    "))


def test_the_example_of_the_page_is_a_job() -> None:
    job, plan = JobText(Script("page.sql", documented()), {}).compile()
    check_sink_texts(job, plan)
    (sink,) = plan.sinks()
    assert row_table(sink).statement() == (
        "CREATE TABLE `my-project.aml.events` (`_event_id` STRING, `published` TIMESTAMP, "
        "`user_id` INT64, `payload` JSON) PARTITION BY TIMESTAMP_TRUNC(`published`, DAY) "
        "CLUSTER BY `user_id`"
    )


def test_a_recording_of_topics_is_tried_out_without_bigquery(tmp_path: Path) -> None:
    folder = "tests/data/recordings/mysql_adaptive"
    text = (
        SCRIPT.format(options="")
        .replace("'connector' = 'recording'", KAFKA)
        .replace(f"'path' = '{folder}',", "")
    )
    script = tmp_path / "job.sql"
    script.write_text(text, encoding="utf-8")
    flags = [f"--job={script}", f"--output_dir={tmp_path}", f"--recording={folder}"]
    assert sql_job.main(flags) == 0
    rows = json_lines(tmp_path / "analysts.jsonl")
    assert len(rows) > 10
    assert all(row["payload"]["id"] == row["id"] for row in rows)
