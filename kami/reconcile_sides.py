"""The two sides of a reconciliation that need no live database: the god view, and a JSON file."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from kami.compaction_sql import sql
from kami.context import ConfiguredTable
from kami.errors import ConfigurationError, RefusedError
from kami.reconcile_compare import ReadRows
from kami.reconcile_fingerprint import Shape
from kami.snapshot_rows import typed_rows
from kami.tables import Column
from kami.views import view_columns
from kami.warehouse import Warehouse

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
LOWEST = "0000/0000000000000000/0000000000000000/00000000"


def shape_of(table: ConfiguredTable, left_out: Iterable[str] = ()) -> Shape:
    """What is compared of a table.

    Args:
        left_out: columns of which the two sides have different things by nature.

    Raises:
        RefusedError: the table has no key.
    """
    if not table.key:
        message = (
            f"{table.full_name} has no primary key: its rows cannot be told apart, and it has no "
            "god view to compare; name `key` for it in the configuration"
        )
        raise RefusedError(message)
    skipped = set(left_out) - set(table.key)
    columns = tuple(
        Column(column.name, column.type.bigquery)
        for column in view_columns(table)
        if column.name not in skipped
    )
    return Shape(columns, table.key)


def frame_of(batch: pa.RecordBatch | pa.Table) -> pl.DataFrame:
    """The batch for polars, which has no decimals of 256 bits."""
    columns: dict[str, Any] = {}
    for field in batch.schema:
        column: Any = batch.column(field.name)
        if pa.types.is_decimal256(field.type):
            texts = [None if value is None else format(value, "f") for value in column.to_pylist()]
            column = pa.array(texts, pa.string())
        columns[field.name] = column
    frame = pl.from_arrow(pa.table(columns))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table makes no series
    return frame


def god_view(warehouse: Warehouse, table: ConfiguredTable) -> ReadRows:
    """Reads the god view that is deployed, so that what is compared is what people query.

    Raises:
        RefusedError: the view is not there.
    """
    if table.name not in warehouse.tables(table.dataset):
        message = f"there is no god view {table.full_name} to compare; run `kami apply`"
        raise RefusedError(message)
    query = sql(
        "SELECT {% for name in names %}{{ name | quoted }}{{ ', ' if not loop.last }}"
        "{% endfor %} FROM {{ dataset | quoted }}.{{ view | quoted }}",
        names=[column.name for column in table.table.columns],
        dataset=table.dataset,
        view=table.name,
    )
    return rows_by(warehouse, query)


def rows_by(warehouse: Warehouse, query: str) -> ReadRows:
    """Reads a query's rows."""

    def read() -> Iterator[pl.DataFrame]:
        for batch in warehouse.stream(query):
            yield frame_of(batch)

    return read


def read_final_tables(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The tables of a JSON file: `{"table": [row, ...]}`.

    Raises:
        ConfigurationError: the file has another form.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"the file {str(path)!r} cannot be read as JSON: {error}"
        raise ConfigurationError(message) from error
    is_tables = isinstance(found, dict) and all(
        isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
        for rows in found.values()
    )
    if not is_tables:
        message = (
            f'the file {str(path)!r} holds no tables of rows; expected {{"orders": [{{"id": 1, '
            '"price": "12.50"}, ...], ...}'
        )
        raise ConfigurationError(message)
    return dict(found)


def json_rows(table: ConfiguredTable, rows: list[dict[str, Any]]) -> ReadRows:
    """Rows of such a file, typed as the snapshot table has them.

    Raises:
        ConfigurationError: a row has a column or value that the table cannot have.
    """
    batch = typed_rows(table.table, rows, LOWEST, EPOCH, table.key)
    frame = frame_of(batch)
    return lambda: [frame]
