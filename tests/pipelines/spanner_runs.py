"""Runs of pipelines.spanner_changes on databases of the emulator, and what they wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline_io.warehouse_file import WarehouseFile
from pipelines import spanner_changes
from tests.stack.spanner_databases import SpannerDatabase

STREAM = (
    "CREATE CHANGE STREAM Everything FOR ALL OPTIONS (value_capture_type = "
    "'NEW_ROW_AND_OLD_VALUES')"
)


def flags(database: SpannerDatabase, tmp_path: Path, *more: str) -> list[str]:
    """The command line of a run into tmp_path/w.duckdb."""
    return [
        f"--database={database.url}",
        "--change_stream=Everything",
        "--source_name=shop",
        f"--state=sqlite:///{tmp_path}/state.db",
        f"--output=duckdb:{tmp_path}/w.duckdb",
        f"--output_dir={tmp_path}/out",
        *more,
    ]


def ran(database: SpannerDatabase, tmp_path: Path, *more: str) -> dict[str, Any]:
    """The summary of a run that went well."""
    assert spanner_changes.main(flags(database, tmp_path, *more)) == 0
    return dict(json.loads((tmp_path / "out" / "summary.json").read_text()))


def begun(database: SpannerDatabase, tmp_path: Path) -> None:
    """The stream is created, and read from now on."""
    database.ddl(STREAM)
    ran(database, tmp_path)


def logged(tmp_path: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table's log by their order, before and after read from JSON."""
    file = WarehouseFile(str(tmp_path / "w.duckdb"))
    query = f'SELECT * FROM shop."{table}_change_log" ORDER BY _order_key'  # noqa: S608
    found = [dict(row) for row in file.query(query).to_pylist()]
    file.close()
    for row in found:
        for name in ("before", "after"):
            row[name] = None if row[name] is None else json.loads(row[name])
    return found


def rebuilt(log: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The table of a log: the newest event of each key, without what was deleted."""
    newest = {row["_key"]: row["after"] for row in log}
    return {key: row for key, row in newest.items() if row is not None}
