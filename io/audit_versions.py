"""Which of the rows that were read are changes, and the order of each.

A row is a change where its content is not what was last told of its key. Its order is its update
time and a revision: the time never steps back for a key, whatever clocks do, and the revision
counts the versions that have the same time. What an earlier run may have told is told again just
as it was, so that a repeat is one by its order and its content.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from pipeline_io.audit_digest import key_columns, key_ids, key_texts, row_digests
from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_tables import UPDATED_US, PolledTable

OP, REVISION, TS_MS = "_op", "_revision", "_ts_ms"

VERSION_SCHEMA = {
    "key_id": pl.String,
    "key_text": pl.String,
    "updated_us": pl.Int64,
    "revision": pl.Int64,
    "row_us": pl.Int64,
    "digest": pl.String,
    "deleted": pl.Boolean,
    "op": pl.String,
    "doubtful": pl.Boolean,
}
"""What is known of keys: a row of the table `audit_versions`."""


def change_schema(table: PolledTable) -> pa.Schema:
    """The schema of changes: the table's columns and those of the change."""
    fields = [
        pa.field(OP, pa.string()),
        pa.field(UPDATED_US, pa.int64()),
        pa.field(REVISION, pa.int64()),
        pa.field(TS_MS, pa.int64()),
    ]
    return pa.schema([*table.columns, *fields])


def ids_of(table: PolledTable, batch: pa.RecordBatch) -> tuple[list[str], list[str]]:
    """Texts and ids of the rows' keys.

    Raises AuditError where two rows of one page have the same key.
    """
    texts = key_texts(batch, table.key)
    ids = key_ids(texts)
    if len(set(ids)) < len(ids):
        twice = next(text for at, text in enumerate(texts) if text in set(texts[:at]))
        message = (
            f"{table.label}: two rows have the key {twice} of the columns {', '.join(table.key)}; "
            "name columns that identify a row, or mend the query"
        )
        raise AuditError(message)
    return texts, ids


def changes_of(
    table: PolledTable,
    batch: pa.RecordBatch,
    texts: Sequence[str],
    ids: Sequence[str],
    known: pl.DataFrame,
    *,
    op_of_new: str,
    ts_ms: int,
    floor_us: int | None = None,
) -> tuple[pa.RecordBatch, pl.DataFrame]:
    """The rows that are changes, and what is to be known of them from now on.

    Args:
        batch: the table's columns and `_updated_us`.
        texts, ids: the rows' keys.
        known: what is known of these keys, as VERSION_SCHEMA.
        op_of_new: `r`, `c` or `u` for keys of which nothing is known.
        floor_us: the least update time of rows that are new or come back. A row that is loaded
            with a time of long ago would else stand before deletes that a compacted log has
            forgotten, and count as a late repeat of one.
    """
    content = batch.select(table.columns.names)
    rows = pl.DataFrame(
        {
            "key_id": ids,
            "key_text": texts,
            "row_us": pl.from_arrow(batch.column(UPDATED_US)),
            "digest": row_digests(content),
        },
        schema_overrides={name: VERSION_SCHEMA[name] for name in ("key_id", "key_text", "digest")},
    ).with_row_index("row")
    last = known.select(
        "key_id",
        last_us="updated_us",
        last_revision="revision",
        last_digest="digest",
        last_deleted="deleted",
        last_op="op",
        doubtful="doubtful",
    )
    joined = rows.join(last, on="key_id", how="left", maintain_order="left")
    is_new = pl.col("last_us").is_null()
    gone = pl.col("last_deleted").fill_null(value=False)
    doubtful = pl.col("doubtful").fill_null(value=False)
    same = (pl.col("digest") == pl.col("last_digest")).fill_null(value=False) & ~gone
    changed = joined.filter(is_new | ~same | doubtful)
    # What may have been told is told again as it was.
    again = doubtful & same
    comes = is_new | gone
    row_us = pl.col("row_us").fill_null(0)
    if floor_us is not None:
        row_us = pl.when(comes).then(pl.max_horizontal(row_us, pl.lit(floor_us))).otherwise(row_us)
    later = is_new | (row_us > pl.col("last_us")).fill_null(value=False)
    versions = changed.with_columns(
        updated_us=pl.when(later & ~again).then(row_us).otherwise(pl.col("last_us")),
        revision=pl.when(again)
        .then(pl.col("last_revision"))
        .when(later)
        .then(0)
        .otherwise(pl.col("last_revision") + 1)
        .cast(pl.Int64),
        op=pl.when(again)
        .then(pl.col("last_op"))
        .when(is_new)
        .then(pl.lit(op_of_new))
        .when(gone)
        .then(pl.lit("c"))
        .otherwise(pl.lit("u")),
        deleted=pl.lit(value=False),
        doubtful=pl.lit(value=False),
    )
    taken = content.take(pa.array(versions["row"].to_list(), pa.int64()))
    changes = _with_order(table, taken.columns, versions, ts_ms)
    return changes, versions.select(*VERSION_SCHEMA)


def deletes_of(
    table: PolledTable, known: pl.DataFrame, *, ts_ms: int
) -> tuple[pa.RecordBatch, pl.DataFrame]:
    """Deletes of the keys that are known: each follows its key's last version.

    Raises AuditError for keys that were told when the key's columns had other types.
    """
    again = pl.col("doubtful") & pl.col("deleted")
    versions = known.with_columns(
        revision=pl.col("revision") + pl.when(again).then(0).otherwise(1).cast(pl.Int64),
        deleted=pl.lit(value=True),
        doubtful=pl.lit(value=False),
        op=pl.lit("d"),
    )
    fields = [table.columns.field(name) for name in table.key]
    try:
        keys = dict(zip(table.key, key_columns(known["key_text"].to_list(), fields), strict=True))
    except (pa.ArrowException, ValueError, IndexError) as error:
        message = (
            f"{table.label}: the state knows keys that are no {', '.join(map(str, fields))} "
            f"({error}); the key's type has changed: poll under another source name"
        )
        raise AuditError(message) from error
    columns: list[pa.Array[Any]] = [
        keys[field.name] if field.name in keys else pa.nulls(known.height, field.type)
        for field in table.columns
    ]
    changes = _with_order(table, columns, versions, ts_ms)
    return changes, versions.select(*VERSION_SCHEMA)


def _with_order(
    table: PolledTable, columns: Sequence[pa.Array[Any]], versions: pl.DataFrame, ts_ms: int
) -> pa.RecordBatch:
    order: list[pa.Array[Any]] = [
        pa.array(versions["op"].to_list(), pa.string()),
        pa.array(versions["updated_us"].to_list(), pa.int64()),
        pa.array(versions["revision"].to_list(), pa.int64()),
        pa.array([ts_ms] * versions.height, pa.int64()),
    ]
    return pa.RecordBatch.from_arrays([*columns, *order], schema=change_schema(table))
