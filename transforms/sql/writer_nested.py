"""A writer's records, arrays and maps read as ROW, ARRAY and MAP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from transforms.sql.types import SqlType, element_type, key_type, polars_type
from transforms.sql.writer_types import Reading, SchemaMismatch

Refuses = Callable[[pl.Expr], pl.Expr]
Reader = Callable[["pa.Field[Any]", SqlType], Reading]
"""How a field inside is read: `transforms.sql.writer_values.reading`."""


def read_row(field: pa.Field[Any], declared: SqlType, reading: Reader) -> Reading:
    arrow = field.type
    parts: list[tuple[str, int, Reading]] = []
    missing: list[tuple[str, pl.DataType]] = []
    for part in declared.fields:
        index = arrow.get_field_index(part.name)
        if index >= 0:
            inner = arrow.field(index).with_name(f"{field.name}.{part.name}")
            parts.append((part.name, index, _checked(reading(inner, part.type), part.nullable)))
        elif part.nullable:
            missing.append((part.name, polars_type(part.type)))
        else:
            message = f"{field.name}.{part.name} is NOT NULL, and the topic has no such field"
            raise SchemaMismatch(message)
    if not parts:
        message = f"{field.name} is declared {declared}, and the topic has none of its fields"
        raise SchemaMismatch(message)
    names = [part.name for part in declared.fields]

    def select(column: pa.Array[Any]) -> pa.Array[Any]:
        children = [step.select(pc.struct_field(column, [index])) for _, index, step in parts]
        return pa.StructArray.from_arrays(
            children, [name for name, _, _ in parts], mask=column.is_null()
        )

    def value(struct: pl.Expr) -> pl.Expr:
        made = {name: step.value(struct.struct.field(name)) for name, _, step in parts}
        made |= {name: pl.lit(None, dtype) for name, dtype in missing}
        return pl.when(struct.is_not_null()).then(
            pl.struct(*(made[name].alias(name) for name in names))
        )

    checks = [(name, step.refuses) for name, _, step in parts if step.refuses is not None]
    refuses = _any_part(checks)
    expected = "; ".join(f"{name}: {step.expected}" for name, _, step in parts if step.expected)
    if refuses is None:
        return Reading(select, value)
    # Where the whole ROW is NULL its parts are, NOT NULL or not.
    return Reading(select, value, lambda struct: struct.is_not_null() & refuses(struct), expected)


def _checked(step: Reading, nullable: bool) -> Reading:
    """The reading of a ROW's part, which refuses NULL where the part is NOT NULL."""
    if nullable:
        return step
    refuses = step.refuses

    def refuses_null(value: pl.Expr) -> pl.Expr:
        null = value.is_null()
        return null if refuses is None else null | refuses(value)

    expected = f"a value, for it is NOT NULL; {step.expected}".removesuffix("; ")
    return Reading(step.select, step.value, refuses_null, expected)


def read_array(field: pa.Field[Any], declared: SqlType, reading: Reader) -> Reading:
    step = reading(field.type.value_field.with_name(f"{field.name}[]"), element_type(declared))
    return _list_reading(step, lambda column: step.select(column.values))


def read_map(field: pa.Field[Any], declared: SqlType, reading: Reader) -> Reading:
    parts = {
        "key": reading(field.type.key_field.with_name(f"{field.name}.key"), key_type(declared)),
        "value": reading(
            field.type.item_field.with_name(f"{field.name}.value"), element_type(declared)
        ),
    }

    def entries(column: Any) -> pa.Array[Any]:
        both = [parts["key"].select(column.keys), parts["value"].select(column.items)]
        return pa.StructArray.from_arrays(both, ["key", "value"])

    checks = [(name, step.refuses) for name, step in parts.items() if step.refuses is not None]
    entry = Reading(
        entries,
        lambda value: pl.struct(
            *(step.value(value.struct.field(name)).alias(name) for name, step in parts.items())
        ),
        _any_part(checks),
        "; ".join(step.expected for step in parts.values() if step.expected),
    )
    return _list_reading(entry, entries)


def _any_part(checks: list[tuple[str, Refuses]]) -> Refuses | None:
    """True for structs with a part that is refused."""
    if not checks:
        return None
    return lambda struct: pl.any_horizontal(
        *(check(struct.struct.field(name)) for name, check in checks)
    )


def _list_reading(step: Reading, select_values: Callable[[Any], pa.Array[Any]]) -> Reading:
    def select(column: Any) -> pa.Array[Any]:
        if column.offset:
            # Arrow rebuilds no list from offsets that begin in the middle.
            column = column.take(pa.array(range(len(column)), pa.int64()))
        return pa.ListArray.from_arrays(
            column.offsets, select_values(column), mask=column.is_null()
        )

    refuses = step.refuses
    return Reading(
        select,
        lambda value: value.list.eval(step.value(pl.element())),
        None
        if refuses is None
        else lambda value: value.list.eval(refuses(pl.element()).fill_null(False)).list.any(),
        step.expected,
    )
