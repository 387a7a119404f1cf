"""One column's values in Avro, a piece of bytes for each row, for every SQL type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transforms.sql.avro_rows_pieces import (
    Array,
    Bytes,
    Mask,
    big_endian,
    joined,
    joined_lists,
    large_binary,
    matrix_values,
    prefixed,
    varints,
)
from transforms.sql.types import (
    MAX_DECIMAL_PRECISION,
    STRING,
    Field,
    Kind,
    SqlType,
    element_type,
)

Places = npt.NDArray[np.int64]
Report = Callable[[Places, Sequence[str]], None]
"""Takes the rows whose value cannot be written, and why, one text a row."""


class Values(NamedTuple):
    """A column: `present` says where a value is written, be it NULL; `valid` where it is not NULL.

    An array is NULL wherever `present` is False: nothing is written where a ROW around is NULL.
    """

    array: Array
    present: Mask
    valid: Mask


def pieces_of(field: Field, place: str, array: Array, present: Mask, report: Report) -> list[Array]:
    """The pieces of a column's values, in the order in which a row has them."""
    if field.type.kind is Kind.NULL:
        return []
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    if not field.nullable:
        missing = np.flatnonzero(present & ~valid)
        if len(missing):
            message = (
                f"{place} is NULL, and it is declared NOT NULL: COALESCE it, or leave such rows "
                "out with WHERE"
            )
            report(missing, [message] * len(missing))
    return _WRITERS[field.type.kind](field, place, Values(array, present, valid), report)


def _row(field: Field, place: str, values: Values, report: Report) -> list[Array]:
    array = values.array
    if not isinstance(array, pa.StructArray):
        raise TypeError(_unexpected(place, field.type, array))
    pieces = _headed(field, values, np.empty((len(array), 0), np.uint8))
    for part, column in zip(field.type.fields, array.flatten(), strict=True):
        named = f"{place}, field {part.name!r}"
        pieces += pieces_of(part, named, column, values.valid, report)
    return pieces


def _list(field: Field, place: str, values: Values, report: Report) -> list[Array]:
    array = values.array
    if not isinstance(array, pa.LargeListArray):
        raise TypeError(_unexpected(place, field.type, array))
    counts = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    parents = np.repeat(np.arange(len(array)), counts)

    def report_rows(places: Places, messages: Sequence[str]) -> None:
        report(parents[places], messages)

    elements = array.flatten()
    present = np.ones(len(elements), np.bool_)
    if field.type.kind is Kind.MAP:
        pieces = _entries(field.type, place, elements, report_rows)
    else:
        item = Field("", element_type(field.type))
        pieces = pieces_of(item, f"an element of {place}", elements, present, report_rows)
    # A block of no elements is the end of the list already.
    end = np.zeros((len(array), 1), np.uint8)
    return [
        *_headed(field, values, *varints(counts)),
        joined_lists(joined(pieces, len(elements)), counts),
        matrix_values(end, (counts > 0)[:, None]),
    ]


def _entries(sql_type: SqlType, place: str, entries: Array, report: Report) -> list[Array]:
    if not isinstance(entries, pa.StructArray):
        raise TypeError(_unexpected(place, sql_type, entries))
    keys, items = entries.flatten()
    missing = np.flatnonzero(keys.is_null().to_numpy(zero_copy_only=False))
    if len(missing):
        message = (
            f"{place} has a NULL key, and the keys of an Avro map are texts; leave such a key out "
            "or COALESCE it"
        )
        report(missing, [message] * len(missing))
    present = np.ones(len(entries), np.bool_)
    key = Field("key", STRING, nullable=False)
    value = Field("value", element_type(sql_type))
    return [
        *_text(key, place, Values(keys, present, present), report),
        *pieces_of(value, f"a value of {place}", items, present, report),
    ]


def _text(field: Field, place: str, values: Values, report: Report) -> list[Array]:
    texts = large_binary(large_binary(values.array).fill_null(b""))
    lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    return [*_headed(field, values, *varints(lengths)), texts]


def _integer(field: Field, place: str, values: Values, report: Report) -> list[Array]:
    return _headed(field, values, *varints(_integers(values.array, field.type)))


def _integers(array: Array, sql_type: SqlType) -> npt.NDArray[np.int64]:
    if pa.types.is_date32(array.type):
        array = array.cast(pa.int32())
    whole = array.cast(pa.int64()).fill_null(0)
    numbers: npt.NDArray[np.int64] = whole.to_numpy(zero_copy_only=False)
    if sql_type.kind is Kind.TIME:
        # Nanoseconds to milliseconds.
        return numbers // 1_000_000
    if sql_type.is_timestamp and (sql_type.precision or 0) <= 3:
        # Down, as Flink does before 1970 too.
        return numbers // 1000
    return numbers


def _float(field: Field, place: str, values: Values, report: Report) -> list[Array]:
    little, size = ("<f4", 4) if field.type.kind is Kind.FLOAT else ("<f8", 8)
    numbers = values.array.fill_null(0.0).to_numpy(zero_copy_only=False).astype(little)
    return _headed(field, values, numbers.view(np.uint8).reshape(-1, size))


def _boolean(field: Field, place: str, values: Values, report: Report) -> list[Array]:
    flags = values.array.fill_null(False).to_numpy(zero_copy_only=False)
    return _headed(field, values, flags.astype(np.uint8)[:, None])


def _decimal(field: Field, place: str, values: Values, report: Report) -> list[Array]:
    array, precision, scale = values.array, field.type.precision or 0, field.type.scale or 0
    if precision < MAX_DECIMAL_PRECISION:
        limit = pa.scalar(Decimal(10**precision).scaleb(-scale), array.type)
        over = pc.greater_equal(pc.abs(array), limit).fill_null(False)
        places = np.flatnonzero(over.to_numpy(zero_copy_only=False))
        if len(places):
            report(
                places,
                [
                    f"{place} is {value}, which has more digits than {field.type}: declare it with "
                    "a higher precision, or ROUND or CAST the value"
                    for value in array.take(pa.array(places, pa.int64())).to_pylist()
                ],
            )
    limbs = np.frombuffer(
        memoryview(array.buffers()[1] or pa.py_buffer(b"")),
        np.int64,
        count=2 * len(array),
        offset=16 * array.offset,
    ).reshape(-1, 2)
    low = np.ascontiguousarray(limbs[:, 0]).view(np.uint64)
    return _headed(field, values, *big_endian(low, np.ascontiguousarray(limbs[:, 1]), precision))


def _headed(
    field: Field, values: Values, matrix: Bytes, written: Mask | None = None
) -> list[Array]:
    """The piece of a value's first bytes, behind the union's branch if it may be NULL."""
    written = np.ones(matrix.shape, np.bool_) if written is None else written
    if field.nullable:
        return [prefixed(matrix, written, values.valid, values.present)]
    if not matrix.shape[1]:
        return []
    return [matrix_values(matrix, written & values.valid[:, None])]


def _unexpected(place: str, sql_type: SqlType, array: Array) -> str:
    return f"{place} comes as {array.type}, expected the polars type of {sql_type}"


_Writer = Callable[[Field, str, Values, Report], list[Array]]
_WRITERS: dict[Kind, _Writer] = {
    **dict.fromkeys((Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT, Kind.DATE), _integer),
    **dict.fromkeys((Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_LTZ), _integer),
    **dict.fromkeys((Kind.CHAR, Kind.VARCHAR, Kind.STRING), _text),
    **dict.fromkeys((Kind.BINARY, Kind.VARBINARY, Kind.BYTES), _text),
    Kind.FLOAT: _float,
    Kind.DOUBLE: _float,
    Kind.BOOLEAN: _boolean,
    Kind.DECIMAL: _decimal,
    Kind.ROW: _row,
    Kind.ARRAY: _list,
    Kind.MAP: _list,
}
