"""BigQuery's SQL as DuckDB runs it: sqlglot's translation, and what is mended in it.

Every difference of meaning that a statement of kami meets is here, and in tests on both sides.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel

NUMERIC_DIGITS = 29
"""Of BigQuery's NUMERIC, before the point."""
MOST_DIGITS = 38
"""Of a DuckDB decimal. A longer one is kept as text: exact, but compared as text."""
_DOT = "\ue000"
_QUOTED = re.compile(
    r"--[^\n]*|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`", re.DOTALL
)
_TEMPORAL = {
    exp.DType.DATE,
    exp.DType.DATETIME,
    exp.DType.TIMESTAMP,
    exp.DType.TIMESTAMPTZ,
}
_YEARS = r"^(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])-[-0-9:.TZ+ ]*$"


@functools.lru_cache(maxsize=512)
def translated(bigquery_sql: str) -> tuple[str, ...]:
    """The statements, in DuckDB's dialect.

    Raises:
        sqlglot.errors.ParseError: the text is no SQL of BigQuery.
    """
    statements = sqlglot.parse(_without_dots(bigquery_sql), read="bigquery")
    return tuple(
        duckdb_sql(single).replace(_DOT, ".")
        for statement in statements
        if statement is not None
        for single in _single_actions(statement)
    )


def _single_actions(statement: exp.Expr) -> Iterator[exp.Expr]:
    """ALTER TABLE with one action a statement, which is all that DuckDB takes."""
    actions = statement.args.get("actions") if isinstance(statement, exp.Alter) else None
    if not actions or len(actions) == 1:
        yield statement
        return
    for action in actions:
        single = statement.copy()
        single.set("actions", [action.copy()])
        yield single


def duckdb_sql(statement: exp.Expr) -> str:
    """One parsed statement of BigQuery's in DuckDB's dialect."""
    mended = _mended(statement)
    # Partitioning and clustering mean nothing in a file: what is left out need not be told.
    return str(mended.sql(dialect="duckdb", unsupported_level=ErrorLevel.IGNORE))


def duckdb_type(bigquery_type: str) -> str:
    """A column's type in DuckDB."""
    return duckdb_sql(sqlglot.parse_one(bigquery_type, read="bigquery", into=exp.DataType))


def json_pointer(name: str) -> str:
    """The member of this name: a pointer, since DuckDB's JSON paths cannot hold every name."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _without_dots(bigquery_sql: str) -> str:
    """With another character for a dot in a quoted name: the parser would take it for two names."""
    return _QUOTED.sub(
        lambda found: found[0].replace(".", _DOT) if found[0].startswith("`") else found[0],
        bigquery_sql,
    )


def _mended(statement: exp.Expr) -> exp.Expr:
    """The statement with all that differs put right, the innermost first."""
    root = statement
    for node in reversed(list(statement.walk())):
        mend = _MENDS.get(type(node))
        mended = node if mend is None else mend(node)
        if mended is not node:
            if node is root:
                root = mended
            node.replace(mended)
    return root


def _function(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _member_text(node: exp.Expr) -> exp.Expr:
    """JSON_VALUE(json['name']): the translation would read the value twice."""
    if len(node.expression.expressions) != 1:
        return node
    member = node.this
    if isinstance(member, exp.Anonymous) and member.name == "JSON_EXTRACT":
        return _function("JSON_EXTRACT_STRING", *member.expressions)
    return _function("JSON_EXTRACT_STRING", member, exp.Literal.string("$"))


def _member(node: exp.Expr) -> exp.Expr:
    """json['name']: in DuckDB a name that starts with $ or / would be a path."""
    names = node.expressions
    if len(names) != 1 or not (isinstance(names[0], exp.Literal) and names[0].is_string):
        return node
    return _function("JSON_EXTRACT", node.this, exp.Literal.string(json_pointer(names[0].this)))


def _in_years(node: exp.Expr) -> exp.Expr:
    """SAFE_CAST(text AS DATE): years are 1 to 9999, and infinity is no date."""
    if node.args["to"].this not in _TEMPORAL:
        return node
    text = exp.Cast(this=node.this, to=exp.DataType.build("TEXT"))
    bounded = _function("REGEXP_EXTRACT", text, exp.Literal.string(_YEARS))
    return exp.TryCast(this=bounded, to=node.args["to"])


def _safe(node: exp.Expr) -> exp.Expr:
    """SAFE.f(x): NULL where f would be an error."""
    if isinstance(node.this, exp.TryCast):
        # A rounded decimal that became a cast.
        return node.this
    if isinstance(node.this, exp.ParseJSON):
        return exp.TryCast(this=node.this.this, to=exp.DataType.build("JSON"))
    return _function("TRY", node.this)


def _parsed_json(node: exp.Expr) -> exp.Expr:
    """A cast, since DuckDB's json() writes the text anew."""
    return exp.Cast(this=node.this, to=exp.DataType.build("JSON"))


def _in_unnest(node: exp.Expr) -> exp.Expr:
    """x IN UNNEST(array): false where the array is NULL."""
    unnest = node.args.get("unnest")
    if unnest is None:
        return node
    contains = _function("LIST_CONTAINS", unnest.expressions[0], node.this)
    return exp.Coalesce(this=contains, expressions=[exp.false()])


def _rounded_scale(node: exp.Expr | None) -> int | None:
    """The scale of ROUND(CAST(x AS NUMERIC), scale); None for anything else."""
    if not isinstance(node, exp.Round) or not isinstance(node.this, exp.Cast):
        return None
    decimals = node.args.get("decimals")
    if not isinstance(decimals, exp.Literal) or not decimals.name.isdigit():
        return None
    return int(decimals.name)


def _rounded(node: exp.Expr) -> exp.Expr:
    """ROUND(CAST(x AS NUMERIC), 2): a cast to a decimal of this scale, as `_type` has made it."""
    scale = _rounded_scale(node)
    if scale is None or not node.this.to.is_type(exp.DType.DECIMAL):
        return node
    made = node.this.to.expressions
    return node.this if len(made) == 2 and made[1].name == str(scale) else node


def _type(node: exp.Expr) -> exp.Expr:
    is_decimal = node.this in (exp.DType.DECIMAL, exp.DType.BIGDECIMAL)
    scale = _rounded_scale(node.parent and node.parent.parent) if is_decimal else None
    if scale is not None and not node.expressions and scale <= MOST_DIGITS:
        digits = NUMERIC_DIGITS + scale if node.this == exp.DType.DECIMAL else MOST_DIGITS
        made = f"DECIMAL({min(digits, MOST_DIGITS)}, {scale})"
        return exp.DataType.build(made, dialect="duckdb")
    if node.this == exp.DType.DECIMAL and not node.expressions:
        return exp.DataType.build(f"DECIMAL({MOST_DIGITS}, 9)", dialect="duckdb")
    if node.this == exp.DType.BIGDECIMAL:
        if not node.expressions or int(node.expressions[0].name) > MOST_DIGITS:
            return exp.DataType.build("TEXT", dialect="duckdb")
        parameters = ", ".join(parameter.name for parameter in node.expressions)
        return exp.DataType.build(f"DECIMAL({parameters})", dialect="duckdb")
    return node


def _instant(node: exp.Expr) -> exp.Expr:
    """TIMESTAMP_MICROS(x): an instant, where the translation has a time without zone."""
    if node.args.get("scale") != exp.UnixToTime.MICROS:
        return node
    made = _function("MAKE_TIMESTAMP", node.this)
    return exp.Cast(this=made, to=exp.DataType.build("TIMESTAMPTZ"))


def _formatted(node: exp.Expr) -> exp.Expr:
    """FORMAT('%05d', x): DuckDB's FORMAT has another language of formats."""
    return _function("PRINTF", node.this, *node.expressions)


def _json_text(node: exp.Expr) -> exp.Expr:
    """TO_JSON_STRING(NULL) is the text null."""
    if isinstance(node.parent, exp.FarmFingerprint) and isinstance(node.this, exp.Struct):
        # `_fingerprint` takes the struct.
        return node
    made = exp.Cast(this=_function("TO_JSON", node.this), to=exp.DataType.build("TEXT"))
    return exp.Coalesce(this=made, expressions=[exp.Literal.string("null")])


def _count_if(node: exp.Expr) -> exp.Expr:
    """COUNTIF(x) of no rows is 0."""
    case = exp.Case(ifs=[exp.If(this=node.this, true=exp.Literal.number(1))])
    return exp.Count(this=case)


def _fingerprint(node: exp.Expr) -> exp.Expr:
    """FARM_FINGERPRINT(x): 64 other bits, by which values of one statement are compared. Of
    TO_JSON_STRING(STRUCT(...)) they are the struct's: its text would cost ten times as much."""
    (text,) = node.expressions
    if isinstance(text, exp.JSONFormat):
        return _function("HASH", text.this)
    there = exp.Not(this=exp.Is(this=text.copy(), expression=exp.null()))
    return exp.If(this=there, true=_function("HASH", text))


def _one_row(node: exp.Expr) -> exp.Expr:
    """WITH x AS (SELECT MAX(y) FROM z): DuckDB would keep the rows of x, and with them all columns
    of a view that reads x twice, those that a query does not ask for too."""
    made = node.this
    if isinstance(made, exp.Select) and made.args.get("group") is None:
        sums = all(each.find(exp.AggFunc) for each in made.expressions)
        if sums and made.find(exp.Window) is None:
            node.set("materialized", False)
    return node


def _newest_field(node: exp.Expr) -> exp.Expr:
    """MAX_BY(STRUCT(x AS name, ...), y).name: the x of one row, NULL too. DuckDB would read and
    compare the other fields as well."""
    by = node.this
    if not isinstance(by, exp.ArgMax) or not isinstance(by.this, exp.Struct):
        return node
    for field in by.this.expressions:
        if isinstance(field, exp.PropertyEQ) and field.name == node.expression.name:
            return _function("ARG_MAX_NULL", field.expression, by.expression)
    return node


_MENDS: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Bracket: _member,
    exp.CTE: _one_row,
    exp.CountIf: _count_if,
    exp.DataType: _type,
    exp.Dot: _newest_field,
    exp.FarmFingerprint: _fingerprint,
    exp.Format: _formatted,
    exp.In: _in_unnest,
    exp.JSONExtractScalar: _member_text,
    exp.JSONFormat: _json_text,
    exp.ParseJSON: _parsed_json,
    exp.Round: _rounded,
    exp.SafeFunc: _safe,
    exp.TryCast: _in_years,
    exp.UnixToTime: _instant,
}
