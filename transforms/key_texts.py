"""Primary keys as one text each, which is how keys are compared in the warehouse.

A JSON array of texts, one a key column in the order of the columns' names: `["x","167"]`. Two keys
are the same row exactly when their texts are the same.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from transforms.change_log_json import Rows, object_texts
from transforms.change_log_texts import holds_any
from transforms.change_log_values import Array, Field
from transforms.sql.source import polars_series
from transforms.sql.writer_types import semantic_type

_SPECIAL = r'["\\\x00-\x1f]'
_ESCAPED = bytes(range(0x20)) + b'"\\'
_DECIMAL_COLUMNS = ("DECIMAL", "NUMERIC", "DEC", "FIXED", "MONEY")
"""A source column's types, where the connector tells of them, whose values may come as texts."""


def key_texts(rows: Rows) -> pl.Series:
    """The key text (String) of each row, NULL where there is no key. A NULL in a key is `null`."""
    if not rows.count:
        return rows.spread(pl.Series("", [], dtype=pl.String))
    order = sorted(range(len(rows.fields)), key=lambda number: rows.fields[number].name)
    texts = [_quoted(rows.columns[number], rows.fields[number]) for number in order]
    if not texts:
        return rows.spread(pl.Series("", ["[]"], dtype=pl.String).new_from_index(0, rows.count))
    frame = pl.DataFrame([text.alias(str(number)) for number, text in enumerate(texts)])
    pieces = [pl.col(name) for name in frame.columns]
    inner = pieces[0] if len(pieces) == 1 else pl.concat_str(pieces, separator=",")
    joined = frame.select(pl.concat_str(pl.lit("["), inner, pl.lit("]"))).to_series()
    return rows.spread(joined)


def plain_key_texts(rows: Rows) -> tuple[Array, Array] | None:
    """`json_texts` and `key_texts` of keys (String each) that are the same but for quotes, which
    costs a fraction: integers, and texts without a character that JSON escapes. None for others."""
    if rows.positions is not None or not rows.count or not rows.fields:
        return None
    texts: list[Any] = []
    for column, field in zip(rows.columns, rows.fields, strict=True):
        if column.null_count or semantic_type(field) or _is_decimal(field):
            return None
        if pa.types.is_string(field.type) and not holds_any(column, _ESCAPED):
            texts.append(column)
        elif field.type in (pa.int32(), pa.int64()):
            texts.append(column.cast(pa.string()))
        else:
            return None
    names = [field.name for field in rows.fields]
    is_text = [pa.types.is_string(field.type) for field in rows.fields]
    members: list[Any] = []
    before = "{"
    for name, text, quote in zip(names, texts, is_text, strict=True):
        members += [f"{before}{orjson.dumps(name).decode()}:" + '"' * quote, text]
        before = '"' * quote + ","
    members.append(before[:-1] + "}")
    elements: list[Any] = []
    before = '["'
    for number in sorted(range(len(names)), key=names.__getitem__):
        elements += [before, texts[number]]
        before = '","'
    elements.append('"]')
    return _concatenated(members), _concatenated(elements)


def _concatenated(pieces: list[Any]) -> Array:
    joined: Array = pc.binary_join_element_wise(*pieces, "")
    return joined


def _quoted(column: Array, field: Field) -> pl.Series:
    """The JSON strings of a key column's values, `null` for NULL."""
    kind = column.type
    if _is_text(kind):
        texts = polars_series(column)
        if _is_decimal(field):
            texts = decimal_key_texts(texts)
        elif semantic_type(field) == "Uuid":
            texts = texts.str.to_lowercase()
        quoted = json_strings(texts) if pa.types.is_string(field.type) else _in_quotes(texts)
    elif pa.types.is_boolean(kind):
        quoted = _in_quotes(polars_series(column).cast(pl.Int8).cast(pl.String))
    elif pa.types.is_floating(kind):
        quoted = _in_quotes(_float_texts(column))
    elif pa.types.is_integer(kind):
        quoted = _in_quotes(polars_series(column).cast(pl.String))
    else:
        quoted = json_strings(_nested_texts(column))
    return quoted.fill_null("null") if quoted.null_count() else quoted


def json_strings(texts: pl.Series) -> pl.Series:
    """Texts as JSON strings, escaped where they must be alone; NULL for NULL."""
    quoted = _in_quotes(texts)
    special = texts.str.contains(_SPECIAL).fill_null(False)
    if special.any():
        # Python's writer is the reference; names and codes with such characters are rare.
        found = special.arg_true()
        escaped = [json.dumps(text, ensure_ascii=False) for text in texts.gather(found)]
        quoted = quoted.scatter(found, escaped)
    return quoted


def decimal_key_texts(texts: pl.Series) -> pl.Series:
    """Plain decimals without the zeros at the end of their fraction, and no '-0'."""
    cut = texts.str.replace(r"(\.[0-9]*?)0+$", "${1}").str.strip_suffix(".")
    texts = cut.replace("-0", "0")
    return texts


def _in_quotes(texts: pl.Series) -> pl.Series:
    frame = texts.alias("text").to_frame()
    return frame.select(pl.concat_str(pl.lit('"'), "text", pl.lit('"'))).to_series()


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_decimal(field: Field) -> bool:
    if pa.types.is_decimal(field.type) or semantic_type(field) == "VariableScaleDecimal":
        return True
    parameters = (field.metadata or {}).get(b"connect.parameters")
    if parameters is None or not pa.types.is_string(field.type):
        return False
    source_type = str(json.loads(parameters).get("__debezium.source.column.type", ""))
    return source_type.upper().split("(")[0].split(" ")[0] in _DECIMAL_COLUMNS


def _float_texts(column: Array) -> pl.Series:
    """Python's shortest text of each float; a float of 32 bits by its own few digits."""
    narrow = pa.types.is_float32(column.type)
    texts = [
        None if value is None else _float_text(float(str(np.float32(value))) if narrow else value)
        for value in column.to_pylist()
    ]
    return pl.Series("", texts, dtype=pl.String)


def _float_text(value: float) -> str:
    if np.isfinite(value):
        return repr(value)
    return "NaN" if np.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _nested_texts(column: Array) -> pl.Series:
    wrapped = object_texts([""], [column], len(column))
    return wrapped.str.strip_prefix('{"":').str.strip_suffix("}")
