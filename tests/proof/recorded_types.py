"""The recordings of column types, taken the whole way: change log, `kami apply`, `kami query`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from click.testing import CliRunner

from kami.cli import main
from kami.tables import change_log_of
from kami.warehouse import open_warehouse
from tests.transforms.change_log_recordings import RECORDINGS, change_log, records

DATASET = "shop"
TABLES = ("all_types", "composite_key")

Texts = dict[str, str | None]
Printed = dict[str, Any]


def final(name: str, table: str) -> list[Texts]:
    """The rows of the table as the database printed them."""
    found = json.loads((RECORDINGS / name / "final.json").read_text())
    rows: list[Texts] = found[table]
    return rows


def printed(name: str, folder: Path) -> dict[str, list[Printed]]:
    """What `kami query` prints of the recording's tables, by table."""
    dialect = "postgresql" if name.startswith("pg") else "mysql"
    config, warehouse = folder / "kami.yaml", folder / "warehouse.duckdb"
    ddl = Path(__file__).parent / f"types_{dialect}.sql"
    config.write_text(
        f"warehouse: duckdb:{warehouse}\nsources:\n  - name: {DATASET}\n    type: {dialect}\n"
        f"    ddl: {ddl}\n    tables: [{', '.join(TABLES)}]\n"
    )
    _kami(config, "apply")
    log = change_log(name)
    with open_warehouse(f"duckdb:{warehouse}") as opened:
        for batch in records(name):
            for table, rows in log.process(batch).rows.items():
                if table in TABLES:
                    opened.append(DATASET, change_log_of(table), pa.Table.from_batches(rows))
    return {
        table: [
            json.loads(line) for line in _kami(config, "query", f"{DATASET}.{table}").splitlines()
        ]
        for table in TABLES
    }


def _kami(config: Path, *words: str) -> str:
    result = CliRunner().invoke(main, ["--config", str(config), "--output", "json", *words])
    assert result.exit_code == 0, result.output
    return result.stdout
