"""python -m pipelines.change_log into BigQuery, and kami's view of it there."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from kami.bigquery_warehouse import EMULATOR
from kami.cli import main as kami
from kami.tables import POSTGRESQL_SOURCE, change_log_columns
from kami.warehouse import open_warehouse
from pipeline_io.bigquery_chunks import Refused
from pipeline_io.bigquery_config import STORAGE_EMULATOR_VARIABLE
from pipeline_io.warehouse_errors import WarehouseError
from pipelines import change_log
from pipelines.change_log_letters import LETTER_SCHEMA, letters_of_refused
from tests.stack.servers import BigQuery
from tests.transforms.change_log_recordings import RECORDINGS, final, logged

ROOT = Path(__file__).parents[2]
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
SCHEMA = """
CREATE TABLE items (
  id bigint PRIMARY KEY, name varchar(200), price numeric(10,2), status varchar(20) NOT NULL,
  created_at timestamptz NOT NULL, updated_at timestamp(6)
);
"""


@pytest.fixture
def project(bigquery: BigQuery, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project of its own on the emulator."""
    monkeypatch.setenv(EMULATOR, f"http://{bigquery.rest_address}")
    monkeypatch.setenv(STORAGE_EMULATOR_VARIABLE, bigquery.storage_address)
    return f"kamiflow-{uuid.uuid4().hex[:8]}"


def asked(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """The JSON lines that a command of kami prints."""
    found = CliRunner().invoke(kami, [*arguments, "--config", str(folder / "kami.yaml")])
    assert found.exit_code == 0, found.output
    return [json.loads(line) for line in found.stdout.splitlines()]


# Half a minute and more, since the emulator is slow.
@pytest.mark.slow
def test_the_god_view_in_bigquery_has_the_rows_that_the_database_printed(
    project: str, tmp_path: Path
) -> None:
    (tmp_path / "schema.sql").write_text(SCHEMA, encoding="utf-8")
    (tmp_path / "kami.yaml").write_text(
        f"warehouse: bigquery:{project}\nsources:\n"
        "  - {name: shop, type: postgresql, ddl: schema.sql}\n",
        encoding="utf-8",
    )
    arguments = [
        f"--source=recording:{RECORDINGS / 'pg_adaptive'}",
        f"--warehouse=bigquery:{project}",
        r"--topics=pg_adaptive\.public\.items",
        "--source_name=shop",
        f"--output_dir={tmp_path}",
    ]
    assert change_log.main(arguments) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["dead_letters"], summary["tables"].keys()) == (0, {"items"})
    asked(tmp_path, "apply", "--output", "json")
    found = asked(tmp_path, "query", "shop.items", "--output", "json")
    assert sorted(found, key=lambda row: int(row["id"])) == final("pg_adaptive")["items"]


# A minute and more: three runs, of which the emulator stores some hundred rows.
@pytest.mark.slow
def test_a_run_that_is_killed_and_started_again_doubles_nothing_with_exactly_once(
    project: str, tmp_path: Path
) -> None:
    arguments = [
        f"--source=recording:{RECORDINGS / 'pg_adaptive'}",
        f"--warehouse=bigquery:{project}",
        r"--topics=pg_adaptive\.public\..*",
        "--source_name=shop",
        f"--output_dir={tmp_path}",
        "--exactly_once",
    ]
    first = subprocess.Popen([sys.executable, "-m", "pipelines.change_log", *arguments], cwd=ROOT)
    while first.poll() is None and not stored(project):
        time.sleep(0.2)
    first.kill()
    first.wait()
    assert change_log.main(arguments) == 0
    again = json.loads((tmp_path / "summary.json").read_text())
    assert again["skipped"] > 0
    expected = sum(map(len, logged("pg_adaptive")[0].values()))
    places = stored(project)
    assert len(places) == len(set(places)) == expected == again["rows"] + again["skipped"]


def stored(project: str) -> list[tuple[str, int, int]]:
    """Topic, partition and offset of all rows of all logs."""
    with open_warehouse(f"bigquery:{project}") as warehouse:
        tables = [name for name in warehouse.tables("shop") if name.endswith("_change_log")]
        found = [
            warehouse.query(f"SELECT _topic, _topic_partition, _offset FROM shop.`{name}`")  # noqa: S608
            for name in tables
        ]
    return [tuple(row.values()) for table in found for row in table.to_pylist()]


def test_a_project_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = f"--source=recording:{RECORDINGS / 'pg_adaptive'}"
    more = ["--source_name=shop", f"--output_dir={tmp_path}"]
    assert change_log.main([source, "--warehouse=bigquery:no project", *more]) == 2
    assert "the project is 'no project'; expected its id" in capsys.readouterr().err


def refused(table: str, **more: Any) -> Refused:
    empty = dict.fromkeys(name for name, _ in change_log_columns(POSTGRESQL_SOURCE))
    place = {"_topic": "t", "_topic_partition": 3, "_offset": 7, "_order_key": "0000/1"}
    rows = pa.RecordBatch.from_pylist([empty, {**empty, **place, **more}])
    return Refused(table, rows, 1, "RowTooLarge", "the row has 9 bytes")


def test_a_row_that_is_refused_is_a_dead_letter_with_its_place_and_its_values() -> None:
    one = refused("items_change_log", after='{"id":1}')
    letters = letters_of_refused([one, refused("a_change_log", after="x" * 1_000_001)], NOW)
    assert letters.schema == LETTER_SCHEMA
    first, second = letters.to_pylist()
    assert json.loads(first.pop("payload"))["after"] == '{"id":1}'
    assert first == {
        "table_name": "items",
        "topic": "t",
        "topic_partition": 3,
        "topic_offset": 7,
        "order_key": "0000/1",
        "stage": "write",
        "error": "RowTooLarge: the row has 9 bytes",
        "at": NOW,
    }
    assert (second["table_name"], second["payload"]) == ("a", None)


@pytest.mark.parametrize("table", ["_incarnations", "_dead_letters"])
def test_a_refused_row_of_bookkeeping_stops_the_run(table: str) -> None:
    with pytest.raises(WarehouseError, match=f"refused a row of {table}: RowTooLarge"):
        letters_of_refused([refused(table)], NOW)
