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
MODES_FOLDER = "types"
"""Of the recordings that record_types.py makes, below that of the others."""

Texts = dict[str, str | None]
Printed = dict[str, Any]


def final(name: str, table: str) -> list[Texts]:
    """The rows of the table as the database printed them."""
    path = RECORDINGS / _path(name) / "final.json"
    if not path.exists():
        path = RECORDINGS / MODES_FOLDER / f"final-{name.split('_')[0]}.json"
    rows: list[Texts] = json.loads(path.read_text(encoding="utf-8"))[table]
    return rows


def printed(name: str, folder: Path) -> dict[str, list[Printed]]:
    """What `kami query` prints of the recording's tables, by table."""
    config = loaded(name, folder)
    return {
        table: [
            json.loads(line) for line in run(config, "query", f"{DATASET}.{table}").splitlines()
        ]
        for table in TABLES
    }


def loaded(name: str, folder: Path) -> Path:
    """The configuration of a warehouse below `folder` with the recording's logs and its views."""
    dialect = "postgresql" if name.startswith("pg") else "mysql"
    config, warehouse = folder / "kami.yaml", folder / "warehouse.duckdb"
    ddl = Path(__file__).parent / f"types_{dialect}.sql"
    config.write_text(
        f"warehouse: duckdb:{warehouse}\nsources:\n  - name: {DATASET}\n    type: {dialect}\n"
        f"    ddl: {ddl}\n    tables: [{', '.join(TABLES)}]\n"
    )
    run(config, "apply")
    log = change_log(_path(name))
    with open_warehouse(f"duckdb:{warehouse}") as opened:
        for batch in records(_path(name)):
            for table, rows in log.process(batch).rows.items():
                if table in TABLES:
                    opened.append(DATASET, change_log_of(table), pa.Table.from_batches(rows))
    return config


def run(config: Path, *words: str, exit_code: int = 0) -> str:
    """What a command of `kami` prints, in JSON; it must end with the exit code."""
    result = CliRunner().invoke(main, ["--config", str(config), "--output", "json", *words])
    assert result.exit_code == exit_code, result.output
    return result.stdout


def _path(name: str) -> str:
    """Where a recording lies, below all recordings."""
    return name if (RECORDINGS / name).is_dir() else f"{MODES_FOLDER}/{name}"
