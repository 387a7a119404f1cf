"""Snapshots into BigQuery."""

from __future__ import annotations

import datetime
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kami.bigquery_warehouse import EMULATOR, BigQueryWarehouse
from kami.cli import main as kami
from pipelines import snapshot
from tests.stack.servers import BigQuery

# The emulator keeps decimals as DECIMAL(38, 9), so that `big` ends where NUMERIC does.
SERVER = "aaaaaaaa-0000-0000-0000-000000000001"
DDL = (
    "CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, price DECIMAL(10,2), big DECIMAL(34,5), "
    "at DATETIME(6), seen TIMESTAMP, raw VARBINARY(10), doc JSON, name VARCHAR(9));"
)
FULL = {
    "id": 1,
    "price": "12.50",
    "big": "12345678901234567890123456789.00005",
    "at": "2026-01-01T03:21:02.5",
    "seen": "2026-01-01T03:46:00Z",
    "raw": "AP8=",
    "doc": '{"a": [1, null]}',
    "name": "ż'\\",
}
EMPTY = {**dict.fromkeys(FULL), "id": -5}


class Project:
    """A project of its own on the emulator, and files for it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder

    def write(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return str(path)

    def take(self, rows: list[dict[str, Any]], anchor: dict[str, object], *flags: str) -> int:
        arguments = [
            "--source_name=shop",
            f"--source=json:{self.write('rows.json', json.dumps({'items': rows}))}",
            f"--anchor={self.write('anchor.json', json.dumps(anchor))}",
            f"--warehouse=bigquery:{self.name}",
        ]
        return snapshot.main([*arguments, *flags])

    def rows(self, table: str) -> list[dict[str, Any]]:
        with BigQueryWarehouse(self.name) as warehouse:
            found = warehouse.query(f"SELECT * FROM `shop`.`{table}`")  # noqa: S608
        rows: list[dict[str, Any]] = found.to_pylist()
        return sorted(rows, key=lambda row: str(row.get("_key")))


@pytest.fixture
def project(bigquery: BigQuery, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    monkeypatch.setenv(EMULATOR, f"http://{bigquery.rest_address}")
    return Project(f"kamiflow-{uuid.uuid4().hex[:8]}", tmp_path)


def test_typed_rows_take_the_place_of_the_snapshot_before(project: Project) -> None:
    flags = (f"--ddl={project.write('schema.sql', DDL)}", "--type=mysql")
    assert project.take([EMPTY], {"gtid_executed": f"{SERVER}:1-8"}, *flags) == 0
    assert project.take([FULL, EMPTY], {"gtid_executed": f"{SERVER}:1-9"}, *flags) == 0
    empty, full = project.rows("items_snapshot")
    key = f"0001/{9:016x}/{'f' * 16}/{'f' * 8}"
    assert [(row["_key"], row["_order_key"]) for row in (empty, full)] == [
        ('["-5"]', key),
        ('["1"]', key),
    ]
    assert {name: empty[name] for name in EMPTY} == EMPTY
    assert json.loads(full["doc"]) == {"a": [1, None]}
    at = datetime.datetime(2026, 1, 1, 3, 21, 2, 500_000)  # noqa: DTZ001
    seen = datetime.datetime(2026, 1, 1, 3, 46, tzinfo=datetime.timezone.utc)
    assert {name: full[name] for name in FULL if name != "doc"} == {
        "id": 1,
        "price": Decimal("12.50"),
        "big": Decimal(str(FULL["big"])),
        "at": at,
        "seen": seen,
        "raw": b"\0\xff",
        "name": FULL["name"],
    }
    (record,) = project.rows("_snapshots")
    assert (record["order_key"], record["row_count"], record["state"]) == (key, 2, "done")
    with BigQueryWarehouse(project.name) as warehouse:
        assert "items_snapshot_new" not in warehouse.tables("shop")


# Half a minute, since the emulator is slow.
@pytest.mark.slow
def test_rows_without_types_get_them_from_kami_apply(project: Project) -> None:
    assert project.take([FULL, EMPTY], {"gtid_executed": f"{SERVER}:1-9"}) == 0
    project.write("schema.sql", DDL)
    place = project.write(
        "kami.yaml",
        f"warehouse: bigquery:{project.name}\nsources:\n"
        "  - {name: shop, type: mysql, ddl: schema.sql}\n",
    )
    applied = CliRunner().invoke(kami, ["apply", "--config", place])
    assert applied.exit_code == 0, applied.output
    asked = CliRunner().invoke(kami, ["query", "shop.items", "--output", "json", "--config", place])
    assert asked.exit_code == 0, asked.output
    empty, full = sorted(map(json.loads, asked.stdout.splitlines()), key=lambda row: row["id"])
    assert empty == EMPTY
    assert json.loads(full.pop("doc")) == {"a": [1, None]}
    assert (full["price"], full["big"], full["raw"]) == ("12.50", FULL["big"], "AP8=")
    assert (full["at"], full["seen"]) == ("2026-01-01T03:21:02.500000", "2026-01-01T03:46:00+00:00")


def test_a_project_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Project("no project", tmp_path).take([], {"lsn": 1}) == 2
    assert "the project is 'no project'; expected its id" in capsys.readouterr().err
