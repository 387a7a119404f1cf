"""JSON_VALUE, JSON_QUERY and JSON_EXISTS.

Python parses every distinct text of a batch once a call: polars' own JSON path rounds numbers to
doubles, and an amount of money must keep its digits.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable

import polars as pl
from sqlglot import exp

from transforms.sql.expression import Call, Expression, Failure
from transforms.sql.functions.arguments import (
    expect_count,
    literal_text,
    null_result,
    per_distinct_value,
    refusal,
    result,
    text,
)
from transforms.sql.functions.json_paths import (
    NotFoundError,
    Path,
    PathError,
    find,
    json_text,
    parse_path,
    scalar_text,
)
from transforms.sql.functions.registration import function
from transforms.sql.type_rules import sql_type
from transforms.sql.types import BOOLEAN, STRING, Kind, SqlType, polars_type

_RETURNING = (
    Kind.BOOLEAN,
    Kind.TINYINT,
    Kind.SMALLINT,
    Kind.INT,
    Kind.BIGINT,
    Kind.FLOAT,
    Kind.DOUBLE,
    Kind.DECIMAL,
    Kind.CHAR,
    Kind.VARCHAR,
    Kind.STRING,
)


class _RefusedError(Exception):
    """ERROR ON EMPTY or ERROR ON ERROR has come true for a text."""


def _path(call: Call) -> Path | None:
    expect_count(call, 2)
    written = literal_text(call, 1, "the path")
    if written is None:
        return None
    try:
        return parse_path(written)
    except PathError as error:
        raise call.error(str(error), 1) from error


def _returning(call: Call) -> SqlType:
    node = call.node.args.get("returning")
    if not isinstance(node, exp.DataType):
        return STRING
    kind = sql_type(node)
    if kind.kind not in _RETURNING:
        message = f"RETURNING {kind} is not possible; there is: BOOLEAN, numbers and STRING"
        raise call.error(message)
    return kind


Behaviour = Callable[[], object]


def _raise() -> object:
    raise _RefusedError


def _behaviour(
    call: Call, clause: str, words: dict[str, object], default: str, takes_default: bool = False
) -> Behaviour:
    """What ON EMPTY or ON ERROR gives: the value of a word, of the literal after DEFAULT, or
    _RefusedError for ERROR."""
    node = call.node.args.get(clause)
    shown = clause.replace("_", " ").upper()
    if node is None or isinstance(node, exp.Var):
        word = default if node is None else node.name.upper()
        if word == "ERROR":
            return _raise
        if word not in words:
            message = f"{word} {shown} is not possible; there is: {', '.join([*words, 'ERROR'])}"
            raise call.error(message)
        return lambda: words[word]
    if not takes_default or not isinstance(node, exp.Expr):
        message = f"DEFAULT {shown} is not possible here; there is: {', '.join(words)}"
        raise call.error(message)
    value = _constant(call, node, shown)
    return lambda: value


def _constant(call: Call, node: exp.Expr, shown: str) -> object:
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return -decimal.Decimal(node.this.name)
    if isinstance(node, exp.Literal):
        return node.name if node.is_string else decimal.Decimal(node.name)
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Null):
        return None
    message = f"DEFAULT ... {shown} takes a literal value here; wrap the call in COALESCE instead"
    raise call.error(message)


def _evaluated(
    call: Call, kind: SqlType, look_up: Callable[[str], object], refuses: bool
) -> Expression:
    """The column of `look_up` of every text, with the rows that it refuses."""

    def value_of(document: str) -> object:
        try:
            return look_up(document)
        except _RefusedError:
            return None

    def is_refused(document: str) -> bool:
        try:
            look_up(document)
        except _RefusedError:
            return True
        return False

    value = text(call, 0)
    failures: list[Failure] = []
    if refuses:
        refused = per_distinct_value(value, is_refused, pl.Boolean())
        message = "the JSON does not have the value that the path asks for"
        failures = [refusal(call, refused, message, value)]
    return result(call, per_distinct_value(value, value_of, polars_type(kind)), kind, failures)


@function("JSON_VALUE")
def json_value(call: Call) -> Expression:
    """The scalar at a path. Without a value it is empty in lax mode and an error in strict."""
    path, kind = _path(call), _returning(call)
    on_empty = _behaviour(call, "on_empty", {"NULL": None}, "NULL", takes_default=True)
    on_error = _behaviour(call, "on_error", {"NULL": None}, "NULL", takes_default=True)
    if path is None:
        return null_result(call, kind)

    def look_up(document: str) -> object:
        try:
            found = find(document, path)
        except NotFoundError:
            return _converted(on_error(), kind)
        if found is None or isinstance(found, (list, dict)):
            return _converted(on_empty() if path.lax else on_error(), kind)
        try:
            return _converted(found, kind)
        except (ValueError, ArithmeticError):
            return _converted(on_error(), kind)

    for behaviour in (on_empty, on_error):
        _check_default(call, behaviour, kind)
    return _evaluated(call, kind, look_up, _raise in (on_empty, on_error))


def _check_default(call: Call, behaviour: Behaviour, kind: SqlType) -> None:
    if behaviour is _raise:
        return
    try:
        _converted(behaviour(), kind)
    except (ValueError, ArithmeticError) as error:
        message = f"the DEFAULT {behaviour()!r} is no {kind}"
        raise call.error(message) from error


def _converted(value: object, kind: SqlType) -> object:
    """A scalar of JSON as Python's value for `kind`; ValueError or ArithmeticError for another."""
    if value is None:
        return None
    written = scalar_text(value)
    if kind.is_string:
        return written if kind.length is None else written[: kind.length]
    if kind.kind is Kind.BOOLEAN:
        if written.lower() not in ("true", "false"):
            raise ValueError(written)
        return written.lower() == "true"
    if isinstance(value, bool):
        raise ValueError(written)
    number = decimal.Decimal(written)
    if kind.is_integer:
        return _whole(number, kind)
    if kind.scale is not None and kind.precision is not None:
        with decimal.localcontext() as context:
            context.prec = 76
            rounded = number.quantize(decimal.Decimal(1).scaleb(-kind.scale), decimal.ROUND_HALF_UP)
        if rounded and rounded.adjusted() + 1 > kind.precision - kind.scale:
            raise ValueError(written)
        return rounded
    return float(number)


def _whole(number: decimal.Decimal, kind: SqlType) -> int:
    bits = {Kind.TINYINT: 8, Kind.SMALLINT: 16, Kind.INT: 32, Kind.BIGINT: 64}[kind.kind]
    if not number.is_finite() or number != number.to_integral_value():
        raise ValueError(str(number))
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(str(number))
    return int(number)


@function("JSON_QUERY")
def json_query(call: Call) -> Expression:
    """The object or array at a path, as JSON with its members sorted by name."""
    path = _path(call)
    words: dict[str, object] = {"NULL": None, "EMPTY ARRAY": "[]", "EMPTY OBJECT": "{}"}
    on_empty = _behaviour(call, "on_empty", words, "NULL")
    on_error = _behaviour(call, "on_error", words, "NULL")
    if call.node.args.get("returning") is not None and _returning(call) != STRING:
        message = "RETURNING takes STRING alone"
        raise call.error(message)
    if path is None:
        return null_result(call, STRING)

    def look_up(document: str) -> object:
        try:
            found = find(document, path)
        except NotFoundError:
            return on_error()
        if isinstance(found, (list, dict)):
            return json_text(found)
        return on_empty() if path.lax else on_error()

    return _evaluated(call, STRING, look_up, _raise in (on_empty, on_error))


@function("JSON_EXISTS")
def json_exists(call: Call) -> Expression:
    """Whether a path leads to a value that is not null; an error is FALSE unless said otherwise."""
    path = _path(call)
    words: dict[str, object] = {"TRUE": True, "FALSE": False, "UNKNOWN": None}
    on_error = _behaviour(call, "on_error", words, "FALSE")
    if path is None:
        return null_result(call, BOOLEAN)

    def look_up(document: str) -> object:
        try:
            found = find(document, path)
        except NotFoundError:
            return on_error()
        return found is not None and not (path.has_wildcard and found == [])

    return _evaluated(call, BOOLEAN, look_up, on_error is _raise)
