"""Keys of rows as texts, and digests by which rows are told apart: the same in every process."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute

_DIGEST_BYTES = 16
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
# Its types say less of large binaries than it does.
pc: Any = pyarrow.compute


def digest(text: bytes) -> str:
    """32 hexadecimal digits."""
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()


def key_texts(batch: pa.RecordBatch, key: Sequence[str]) -> list[str]:
    """Each row's key as a JSON array of texts: `["x","167"]`."""
    columns = [_key_column(batch.column(name)) for name in key]
    return [_JSON.encode(row) for row in zip(*columns, strict=True)]


def key_ids(texts: Sequence[str]) -> list[str]:
    """Digests of keys."""
    return [digest(text.encode()) for text in texts]


def key_columns(texts: Sequence[str], fields: Sequence[pa.Field[Any]]) -> list[pa.Array[Any]]:
    """The key columns that `key_texts` was made of."""
    rows = [json.loads(text) for text in texts]
    return [_from_texts([row[at] for row in rows], field.type) for at, field in enumerate(fields)]


def row_digests(batch: pa.RecordBatch) -> list[str]:
    """A digest of each row's values and of the columns' names.

    Each value is written with its length before it, so that no two rows are written alike.
    """
    names = json.dumps(batch.schema.names).encode()
    if not batch.num_columns:
        return [digest(names)] * batch.num_rows
    parts = [_framed(column) for column in batch.columns]
    joined = pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.large_binary()))
    start = hashlib.blake2b(names, digest_size=_DIGEST_BYTES)
    found = []
    for row in joined.to_pylist():
        each = start.copy()
        each.update(row)
        found.append(each.hexdigest())
    return found


def _framed(column: pa.Array[Any]) -> pa.Array[Any]:
    """`3:abc` of each value, `-` of NULL."""
    values = _bytes(column)
    lengths = pc.binary_length(values).cast(pa.large_string()).cast(pa.large_binary())
    framed = pc.binary_join_element_wise(lengths, values, pa.scalar(b":", pa.large_binary()))
    found: pa.Array[Any] = pc.fill_null(framed, pa.scalar(b"-", pa.large_binary()))
    return found


def _bytes(column: pa.Array[Any]) -> pa.Array[Any]:
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return column.cast(pa.large_binary())
    if pa.types.is_nested(kind):
        texts = [
            None if value is None else json.dumps(value, default=str)
            for value in column.to_pylist()
        ]
        return pa.array(texts, pa.large_string()).cast(pa.large_binary())
    return _plain(column).cast(pa.large_string()).cast(pa.large_binary())


def _plain(column: pa.Array[Any]) -> pa.Array[Any]:
    """Times as the integers that they are."""
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        return column.cast(pa.int64())
    return column.cast(pa.int32()) if pa.types.is_date32(kind) else column


def _key_column(column: pa.Array[Any]) -> list[str]:
    if pa.types.is_binary(column.type):
        return [base64.b64encode(value or b"").decode() for value in column.to_pylist()]
    return [str(text) for text in _plain(column).cast(pa.string()).to_pylist()]


def _from_texts(texts: list[str], kind: pa.DataType) -> pa.Array[Any]:
    if pa.types.is_binary(kind):
        return pa.array([base64.b64decode(text) for text in texts], kind)
    found = pa.array(texts, pa.string())
    if pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        return found.cast(pa.int64()).view(kind)
    if pa.types.is_date32(kind):
        return found.cast(pa.int32()).view(kind)
    return found.cast(kind)
