"""The JSON values of SQL values, one at a time, and strategies that generate types and values."""

import base64
import datetime
import math
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

from transforms.sql import types
from transforms.sql.types import Field, Kind, SqlType

FLOAT_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}


def reference(value: Any, sql_type: SqlType, separator: str, ignore_nulls: bool) -> Any:
    """What json.loads gives for `value`, numbers as they were (FLOAT with 32 bits)."""

    def inner(part: Any, part_type: SqlType | None) -> Any:
        assert part_type is not None
        return reference(part, part_type, separator, ignore_nulls)

    if value is None:
        return None
    match sql_type.kind:
        case Kind.FLOAT | Kind.DOUBLE if not math.isfinite(value):
            return FLOAT_NAMES.get(value, "NaN")
        case Kind.FLOAT:
            return np.float32(value)
        case Kind.ROW:
            return {
                field.name: inner(value[field.name], field.type)
                for field in sql_type.fields
                if not (ignore_nulls and value[field.name] is None)
            }
        case Kind.ARRAY:
            return [inner(part, sql_type.element) for part in value]
        case Kind.MAP:
            return {str(entry["key"]): inner(entry["value"], sql_type.element) for entry in value}
        case Kind.DATE:
            return value.isoformat()
        case Kind.TIME:
            return clock(value)
        case Kind.TIMESTAMP:
            return f"{value.date().isoformat()}{separator}{clock(value.time())}"
        case Kind.TIMESTAMP_LTZ:
            return f"{value.date().isoformat()}{separator}{clock(value.time())}Z"
        case Kind.BYTES:
            return base64.b64encode(value).decode()
    return value


def clock(time: datetime.time) -> str:
    whole = f"{time.hour:02}:{time.minute:02}:{time.second:02}"
    return f"{whole}.{time.microsecond:06}".rstrip("0") if time.microsecond else whole


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['"', "\\", "\u2028\u2029", "\x00\x1f\x7f", "}", "{", "null", "]", '\\"', "🙂"]
)
_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    ["*", "^a$", "^.*$", "a", "b", 'x"', "\\", "key", "value", "", "0", "1"]
)

VALUES: dict[SqlType, st.SearchStrategy[Any]] = {
    types.NULL: st.none(),
    types.BOOLEAN: st.booleans(),
    types.TINYINT: st.integers(-(2**7), 2**7 - 1),
    types.INT: st.integers(-(2**31), 2**31 - 1),
    types.BIGINT: st.integers(-(2**63), 2**63 - 1),
    types.FLOAT: st.floats(width=32),
    types.DOUBLE: st.floats(),
    types.decimal(10, 2): st.decimals(
        min_value=Decimal("-99999999.99"), max_value=Decimal("99999999.99"), places=2
    ),
    types.decimal(38, 38): st.integers(-(10**38) + 1, 10**38 - 1).map(
        lambda unscaled: Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -38))
    ),
    types.STRING: _text,
    types.BYTES: st.binary(max_size=5),
    types.DATE: st.dates(),
    types.time(6): st.times(),
    types.timestamp(6): st.datetimes(),
    types.timestamp_ltz(6): st.datetimes(timezones=st.just(datetime.timezone.utc)),
}
_MAP_KEYS = (types.STRING, types.BIGINT, types.decimal(10, 2))


def nested_types() -> st.SearchStrategy[SqlType]:
    return st.recursive(st.sampled_from(list(VALUES)), _wrapped, max_leaves=5)


def _wrapped(inner: st.SearchStrategy[SqlType]) -> st.SearchStrategy[SqlType]:
    fields = st.lists(
        st.builds(Field, _names, inner), min_size=1, max_size=3, unique_by=lambda field: field.name
    )
    return st.one_of(
        fields.map(lambda parts: types.row(*parts)),
        inner.map(types.array),
        st.builds(types.map_of, st.sampled_from(_MAP_KEYS), inner),
    )


def columns() -> st.SearchStrategy[list[Field]]:
    return st.lists(
        st.builds(Field, _names, nested_types()),
        min_size=1,
        max_size=4,
        unique_by=lambda field: field.name,
    )


def values(sql_type: SqlType, nullable: bool = True) -> st.SearchStrategy[Any]:
    strategy: st.SearchStrategy[Any]
    match sql_type:
        case SqlType(kind=Kind.ROW, fields=fields):
            strategy = st.fixed_dictionaries({field.name: values(field.type) for field in fields})
        case SqlType(kind=Kind.ARRAY, element=SqlType() as element):
            strategy = st.lists(values(element), max_size=3)
        case SqlType(kind=Kind.MAP, key=SqlType() as key, element=SqlType() as element):
            entry = {"key": values(key, nullable=False), "value": values(element)}
            strategy = st.lists(
                st.fixed_dictionaries(entry), max_size=3, unique_by=lambda entry: str(entry["key"])
            )
        case _:
            strategy = VALUES[sql_type]
    return st.none() | strategy if nullable else strategy
