"""What the in-process engine leaves to an engine with state: windows, groups, joins of streams."""

from __future__ import annotations

from sqlglot import exp

from transforms.sql.errors import SqlError

_CLAUSES = {
    "group": "GROUP BY",
    "having": "HAVING",
    "distinct": "DISTINCT",
    "order": "ORDER BY",
    "limit": "LIMIT",
    "offset": "OFFSET",
    "qualify": "QUALIFY",
    "windows": "WINDOW",
    "match": "MATCH_RECOGNIZE",
    "laterals": "LATERAL",
}
# What else a node may say would otherwise be dropped in silence.
_KNOWN: dict[type[exp.Expr], set[str]] = {
    exp.Select: {"expressions", "from_", "joins", "where", "with_"},
    exp.Union: {"this", "expression", "distinct", "with_"},
    exp.Subquery: {"this", "alias", "with_"},
    exp.Table: {"this", "alias", "version"},
}
_WINDOWS = {"CUMULATE", "HOP", "SESSION", "TUMBLE"}
_AGGREGATES = {
    "AVG",
    "COLLECT",
    "COUNT",
    "FIRST_VALUE",
    "LAST_VALUE",
    "LISTAGG",
    "MAX",
    "MIN",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "SUM",
    "VAR_POP",
    "VAR_SAMP",
}


def _refuse(what: str, place: exp.Expr) -> SqlError:
    message = (
        f"{what} looks at several rows, and the in-process engine runs row-wise statements: "
        "projections, filters, CASE, casts, functions and lookup joins"
    )
    return SqlError(message, place)


def check_row_wise(query: exp.Expr) -> None:
    """SqlError at the first clause or function of a query that is not row-wise."""
    for name, clause in _CLAUSES.items():
        # UNION and its siblings are told below by their own names.
        told_below = name == "distinct" and isinstance(query, exp.SetOperation)
        if query.args.get(name) and not told_below:
            place = query.args[name]
            if isinstance(place, list):
                place = place[0]
            raise _refuse(clause, place if isinstance(place, exp.Expr) else query)
    for node in query.walk():
        match node:
            case exp.Window():
                what = "OVER"
                raise _refuse(what, node)
            case exp.Anonymous() if node.name.upper() in _AGGREGATES:
                raise _refuse(node.name.upper(), node)
            case exp.Union() if node.args.get("distinct"):
                what = "UNION without ALL"
                raise _refuse(what, node.right)
            case exp.Intersect() | exp.Except():
                raise _refuse(node.key.upper(), node.right)
            case exp.Exists() | exp.In() if node.args.get("query") or isinstance(node, exp.Exists):
                what = "a subquery in a condition"
                raise _refuse(what, node)
    _check_clauses(query)


def check_table(node: exp.Expr) -> None:
    """SqlError for what FROM or JOIN names that is no plain table, view or subquery."""
    if isinstance(node, exp.Unnest):
        message = "UNNEST makes several rows of one, which is not supported; take elements by index"
        raise SqlError(message, node)
    if isinstance(node, exp.Table):
        for called in node.find_all(exp.Anonymous):
            if called.name.upper() in _WINDOWS:
                what = f"the window {called.name.upper()}"
                raise _refuse(what, called)
        if node.args.get("db") is not None:
            message = f"there is no table or view '{node.db}.{node.name}': names have one part"
            raise SqlError(message, node)
        if not isinstance(node.this, exp.Identifier):
            message = "expected a table, a view or a subquery"
            raise SqlError(message, node)
        _check_clauses(node)
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias) and alias.columns:
        message = f"the alias {alias.name!r} cannot rename columns; name them by AS in a SELECT"
        raise SqlError(message, alias)


def _check_clauses(node: exp.Expr) -> None:
    known = _KNOWN.get(type(node))
    for name, value in node.args.items():
        if known is not None and value and name not in known:
            part = value[0] if isinstance(value, list) else value
            message = f"{name.strip('_').replace('_', ' ').upper()} is not supported here"
            raise SqlError(message, part if isinstance(part, exp.Expr) else node)
