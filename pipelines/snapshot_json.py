"""Snapshots from a JSON file and its anchor."""

from __future__ import annotations

import datetime
import fnmatch
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa

from kami.context import ConfiguredTable
from kami.snapshot_rows import typed_rows
from kami.source_tables import source_tables
from kami.statements import snapshot_columns
from kami.tables import SNAPSHOT_ROWS, Column
from pipeline_io.snapshot_errors import SnapshotError
from pipeline_io.snapshot_file import DONE, SnapshotRecord
from pipeline_io.snapshot_json import plain_names, read_snapshot_json, row_texts
from pipelines.options import FlagError
from pipelines.snapshot_options import SnapshotConfig
from pipelines.snapshot_tables import Job
from pipelines.snapshot_warehouse import SnapshotStore, Tell, store_anchor, warn_of_gap
from transforms.anchor import read_anchor

_Rows = list[dict[str, object]]


def snapshot_of_json(
    config: SnapshotConfig,
    store: SnapshotStore,
    types: Mapping[str, ConfiguredTable] | None,
    tell: Tell,
    now: Callable[[], datetime.datetime],
) -> dict[str, int]:
    """Writes a JSON file's tables; {table: rows}.

    Args:
        types: the tables whose types are known, by their names in the dataset; None: of no table,
            so that rows wait as JSON in `_snapshot_rows` for `kami apply`.

    Raises:
        FlagError: --tables names none of the file's.
        SnapshotError, AnchorError: a file is no snapshot or no anchor; nothing was written.
    """
    path, anchor_path = str(config.json_file), str(config.anchor)
    anchor = read_anchor(_text(anchor_path), anchor_path)
    tables = _chosen(read_snapshot_json(path), config, has_schemas="lsn" in anchor)
    if types is not None and (missing := sorted(set(tables) - set(types))):
        message = (
            f"{path} has table {missing[0]!r}, whose types are not known: "
            f"{config.ddl or config.config} has {', '.join(sorted(types)) or 'none'}"
        )
        raise SnapshotError(message)
    taken_at = now()
    position = store_anchor(store, anchor, config.source_name, taken_at, tell)
    ready = {
        name: _untyped(name, rows, position.order_key, taken_at)
        if types is None
        else _typed(types[name], rows, position.order_key, taken_at)
        for name, rows in tables.items()
    }
    for name, rows in ready.items():
        record = SnapshotRecord(
            name,
            json.dumps(anchor),
            position.order_key,
            position.xmax,
            list(position.in_progress),
            taken_at,
            rows.num_rows,
            DONE,
        )
        if types is None:
            store.write_rows(name, rows, record)
        else:
            _write_typed(store, record, rows, snapshot_columns(types[name]))
        warn_of_gap(store, name, position.order_key, tell)
    return {name: rows.num_rows for name, rows in ready.items()}


def known_types(config: SnapshotConfig, job: Job) -> dict[str, ConfiguredTable] | None:
    """The tables whose types --ddl or --config tells, by name; None without either."""
    if config.ddl is None and config.config is None:
        return None
    return {table.name: table for table in source_tables(job.source)}


def _chosen(
    found: dict[str, _Rows], config: SnapshotConfig, *, has_schemas: bool
) -> dict[str, _Rows]:
    names = plain_names(found, has_schemas=has_schemas)
    wanted = config.tables or ("*",)
    chosen = {
        plain: found[name]
        for plain, name in names.items()
        if any(fnmatch.fnmatchcase(each, one) for each in (plain, name) for one in wanted)
    }
    if not chosen:
        message = (
            f"--tables={','.join(wanted)}: {config.json_file} has {', '.join(found) or 'no table'}"
        )
        raise FlagError(message)
    return chosen


def _untyped(name: str, rows: _Rows, order_key: str, taken_at: datetime.datetime) -> pa.Table:
    count = len(rows)
    values = {
        "table_name": pa.array([name] * count, pa.string()),
        "row": pa.array(row_texts(rows), pa.string()),
        "order_key": pa.array([order_key] * count, pa.string()),
        "taken_at": pa.array([taken_at] * count, pa.timestamp("us", "UTC")),
    }
    return pa.table({column.name: values[column.name] for column in SNAPSHOT_ROWS})


def _write_typed(
    store: SnapshotStore, record: SnapshotRecord, rows: pa.Table, of: tuple[Column, ...]
) -> None:
    store.begin(record.table_name, of)
    store.append(record.table_name, rows)
    store.finish(record.table_name, record)


def _typed(
    table: ConfiguredTable, rows: _Rows, order_key: str, taken_at: datetime.datetime
) -> pa.Table:
    batch = typed_rows(table.table, rows, order_key, taken_at, table.key)
    typed = pa.Table.from_batches([batch])
    for number, field in enumerate(typed.schema):
        if pa.types.is_decimal256(field.type):
            # More digits than DuckDB's decimals have: the warehouse keeps them as text.
            texts = [None if value is None else f"{value:f}" for value in typed[number].to_pylist()]
            typed = typed.set_column(number, field.name, pa.array(texts, pa.string()))
    return typed


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"--anchor={path}: {error}; expected a file with the anchor's JSON"
        raise FlagError(message) from error
