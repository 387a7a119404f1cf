"""Which types there are in a script, which meet in one, and what arithmetic makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeGuard

from sqlglot import exp

from transforms.sql import types
from transforms.sql.errors import SqlError
from transforms.sql.types import MAX_DECIMAL_PRECISION, Field, Kind, SqlType

_KINDS = {
    exp.DType.BOOLEAN: Kind.BOOLEAN,
    exp.DType.TINYINT: Kind.TINYINT,
    exp.DType.SMALLINT: Kind.SMALLINT,
    exp.DType.INT: Kind.INT,
    exp.DType.BIGINT: Kind.BIGINT,
    exp.DType.FLOAT: Kind.FLOAT,
    exp.DType.DOUBLE: Kind.DOUBLE,
    exp.DType.DECIMAL: Kind.DECIMAL,
    exp.DType.CHAR: Kind.CHAR,
    exp.DType.VARCHAR: Kind.VARCHAR,
    exp.DType.TEXT: Kind.STRING,
    exp.DType.BINARY: Kind.BINARY,
    exp.DType.VARBINARY: Kind.VARBINARY,
    exp.DType.DATE: Kind.DATE,
    exp.DType.TIME: Kind.TIME,
    exp.DType.TIMESTAMP: Kind.TIMESTAMP,
    exp.DType.TIMESTAMPNTZ: Kind.TIMESTAMP,
    exp.DType.TIMESTAMPLTZ: Kind.TIMESTAMP_LTZ,
    exp.DType.STRUCT: Kind.ROW,
    exp.DType.ARRAY: Kind.ARRAY,
    exp.DType.LIST: Kind.ARRAY,
    exp.DType.MAP: Kind.MAP,
}

# Flink counts an integer as a decimal of as many digits as its largest value has.
_INTEGER_DIGITS = {Kind.TINYINT: 3, Kind.SMALLINT: 5, Kind.INT: 10, Kind.BIGINT: 19}

# When a result needs more than 38 digits, at most this many after the point are kept for sure.
_MINIMUM_ADJUSTED_SCALE = 6


def sql_type(node: exp.DataType) -> SqlType:
    """The type that a script wrote; SqlError for one that jobs do not have.

    Defaults are Flink's: DECIMAL is DECIMAL(10, 0), TIMESTAMP is TIMESTAMP(6), CHAR is CHAR(1),
    and VARCHAR, VARBINARY without a length are STRING, BYTES.
    """
    kind = _KINDS.get(node.this) if isinstance(node.this, exp.DType) else None
    if kind is None:
        message = (
            f"the type {node.sql()} is not supported; use one of "
            f"{', '.join(kind.value for kind in Kind if kind is not Kind.NULL)}"
        )
        raise SqlError(message, node)
    if kind is Kind.ROW:
        return types.row(*(_field(part, index) for index, part in enumerate(node.expressions)))
    if kind in (Kind.ARRAY, Kind.MAP):
        inner = [sql_type(part) for part in node.expressions if isinstance(part, exp.DataType)]
        wanted = 1 if kind is Kind.ARRAY else 2
        if len(inner) != wanted:
            message = f"{kind.value} takes {wanted} type(s): ARRAY<INT>, MAP<STRING, INT>"
            raise SqlError(message, node)
        return types.array(inner[0]) if kind is Kind.ARRAY else types.map_of(inner[0], inner[1])
    return _with_parameters(kind, [_parameter(part) for part in node.expressions], node)


def _field(part: exp.Expr, index: int) -> Field:
    if isinstance(part, exp.ColumnDef) and isinstance(part.args.get("kind"), exp.DataType):
        required = any(
            isinstance(constraint.args.get("kind"), exp.NotNullColumnConstraint)
            and not constraint.args["kind"].args.get("allow_null")
            for constraint in part.args.get("constraints") or []
        )
        return Field(part.name, sql_type(part.args["kind"]), nullable=not required)
    if isinstance(part, exp.DataType):
        return Field(f"EXPR${index}", sql_type(part))
    message = f"expected a name and a type in ROW<...>, got {part.sql()}: ROW<id BIGINT>"
    raise SqlError(message, part)


def _parameter(part: exp.Expr) -> int:
    if isinstance(part, exp.DataTypeParam) and part.name.isdigit():
        return int(part.name)
    message = f"expected a whole number in the type's brackets, got {part.sql()}"
    raise SqlError(message, part)


def _with_parameters(kind: Kind, parameters: list[int], node: exp.DataType) -> SqlType:
    first = parameters[0] if parameters else None
    if kind is Kind.DECIMAL:
        precision = 10 if first is None else first
        scale = parameters[1] if len(parameters) > 1 else 0
        _check(1 <= precision <= MAX_DECIMAL_PRECISION, "DECIMAL takes 1 to 38 digits", node)
        _check(scale <= precision, "DECIMAL's scale is at most its precision", node)
        return types.decimal(precision, scale)
    if kind in (Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_LTZ):
        default = 0 if kind is Kind.TIME else 6
        _check(first is None or first <= 9, f"{kind.value} takes 0 to 9 digits", node)
        return SqlType(kind, precision=default if first is None else first)
    if kind is Kind.VARBINARY and first is None:
        return types.BYTES
    if kind is Kind.VARCHAR and first is None:
        return types.STRING
    if kind in (Kind.CHAR, Kind.BINARY):
        return SqlType(kind, length=1 if first is None else first)
    if kind in (Kind.VARCHAR, Kind.VARBINARY):
        return SqlType(kind, length=first)
    _check(first is None, f"{kind.value} takes no number in brackets", node)
    return SqlType(kind)


def _check(holds: bool, message: str, node: exp.Expr) -> None:
    if not holds:
        found = f"{message}; got {node.sql()}"
        raise SqlError(found, node)


def common_type(candidates: Iterable[SqlType]) -> SqlType | None:
    """The type that values of all `candidates` have without a CAST, or None if there is none.

    NULL alone is NULL.
    """
    found = types.NULL
    for candidate in candidates:
        merged = _common(found, candidate)
        if merged is None:
            return None
        found = merged
    return found


def _common(left: SqlType, right: SqlType) -> SqlType | None:
    if left == right or right.kind is Kind.NULL:
        return left
    if left.kind is Kind.NULL:
        return right
    if left.is_number and right.is_number:
        return _common_number(left, right)
    if left.is_string and right.is_string:
        return _common_text(left, right, Kind.CHAR, Kind.VARCHAR, Kind.STRING)
    if left.is_binary and right.is_binary:
        return _common_text(left, right, Kind.BINARY, Kind.VARBINARY, Kind.BYTES)
    if left.is_timestamp and right.is_timestamp:
        both = {left.kind, right.kind}
        kind = Kind.TIMESTAMP_LTZ if Kind.TIMESTAMP_LTZ in both else Kind.TIMESTAMP
        return SqlType(kind, precision=max(left.precision or 0, right.precision or 0))
    if left.kind is right.kind is Kind.TIME:
        return types.time(max(left.precision or 0, right.precision or 0))
    return _common_constructed(left, right) if left.kind is right.kind else None


def _common_number(left: SqlType, right: SqlType) -> SqlType:
    kinds = {left.kind, right.kind}
    if Kind.DOUBLE in kinds or (Kind.FLOAT in kinds and Kind.DECIMAL in kinds):
        return types.DOUBLE
    if Kind.FLOAT in kinds:
        return types.FLOAT
    if Kind.DECIMAL not in kinds:
        return max((left, right), key=lambda number: _INTEGER_DIGITS[number.kind])
    (left_digits, left_scale), (right_digits, right_scale) = digits(left), digits(right)
    whole = max(left_digits - left_scale, right_digits - right_scale)
    scale = min(max(left_scale, right_scale), MAX_DECIMAL_PRECISION - whole)
    return types.decimal(whole + scale, scale)


def _common_text(
    left: SqlType, right: SqlType, fixed: Kind, varying: Kind, unbounded: Kind
) -> SqlType:
    if left.length is None or right.length is None:
        return SqlType(unbounded)
    same = left.kind is right.kind is fixed and left.length == right.length
    return SqlType(fixed if same else varying, length=max(left.length, right.length))


def _common_constructed(left: SqlType, right: SqlType) -> SqlType | None:
    if left.kind is Kind.ROW and len(left.fields) == len(right.fields):
        merged = []
        for one, other in zip(left.fields, right.fields, strict=True):
            inner = _common(one.type, other.type)
            if inner is None:
                return None
            merged.append(Field(one.name, inner, one.nullable or other.nullable))
        return types.row(*merged)
    if left.element is None or right.element is None:
        return None
    element = _common(left.element, right.element)
    if left.key is None or right.key is None:
        return None if element is None else types.array(element)
    key = _common(left.key, right.key)
    return None if element is None or key is None else types.map_of(key, element)


def is_exact(number: SqlType) -> TypeGuard[SqlType]:
    """True for integers and decimals."""
    return number.is_integer or number.kind is Kind.DECIMAL


def digits(number: SqlType) -> tuple[int, int]:
    """Precision and scale of an integer or decimal type."""
    if number.is_integer:
        return _INTEGER_DIGITS[number.kind], 0
    return number.precision or 0, number.scale or 0


def as_decimal(number: SqlType) -> SqlType:
    """The decimal type that holds every value of an integer or decimal type."""
    return types.decimal(*digits(number))


def addition_type(left: SqlType, right: SqlType) -> SqlType:
    """The type of the sum or difference of two decimals."""
    (p1, s1), (p2, s2) = digits(left), digits(right)
    scale = max(s1, s2)
    return _adjusted(max(p1 - s1, p2 - s2) + scale + 1, scale)


def multiplication_type(left: SqlType, right: SqlType) -> SqlType:
    """The type of the product of two decimals."""
    (p1, s1), (p2, s2) = digits(left), digits(right)
    return _adjusted(p1 + p2 + 1, s1 + s2)


def division_type(left: SqlType, right: SqlType) -> SqlType:
    """The type of the quotient of two decimals."""
    (p1, s1), (p2, s2) = digits(left), digits(right)
    scale = max(6, s1 + p2 + 1)
    return _adjusted(p1 - s1 + s2 + scale, scale)


def remainder_type(left: SqlType, right: SqlType) -> SqlType:
    """The type of the remainder of two decimals."""
    (p1, s1), (p2, s2) = digits(left), digits(right)
    scale = max(s1, s2)
    return _adjusted(min(p1 - s1, p2 - s2) + scale, scale)


def _adjusted(precision: int, scale: int) -> SqlType:
    if precision <= MAX_DECIMAL_PRECISION:
        return types.decimal(precision, scale)
    kept = min(scale, _MINIMUM_ADJUSTED_SCALE)
    return types.decimal(
        MAX_DECIMAL_PRECISION, max(MAX_DECIMAL_PRECISION - (precision - scale), kept)
    )
