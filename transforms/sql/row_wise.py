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
        if query.args.get(name):
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
