"""Takes a SELECT with GROUP BY apart: its keys, its aggregates, and what is computed of them."""

from __future__ import annotations

import dataclasses

from sqlglot import exp

from transforms.sql.errors import SqlError
from transforms.sql.windows import (
    WINDOW_COLUMNS,
    WindowCall,
    WindowTable,
    group_window,
    is_group_window,
    is_window_table,
    window_table,
)

AGGREGATES = ("COUNT", "SUM", "MIN", "MAX", "AVG")
OTHER_AGGREGATES = (
    "COLLECT",
    "FIRST_VALUE",
    "LAST_VALUE",
    "LISTAGG",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "VAR_POP",
    "VAR_SAMP",
)
_PARTS = {"START": "window_start", "END": "window_end", "ROWTIME": "window_time"}


@dataclasses.dataclass(frozen=True)
class AggregateCall:
    """One aggregate of a SELECT. argument: None for COUNT(*)."""

    name: str
    function: str
    argument: exp.Expr | None
    node: exp.Expr


@dataclasses.dataclass(frozen=True)
class Grouping:
    """A SELECT with its groups.

    keys: what is grouped by besides the window, by the names that `items` and `having` call them.
    items: the SELECT's columns, with keys, aggregates and window bounds as columns.
    """

    window: WindowCall | None
    keys: dict[str, exp.Expr]
    calls: tuple[AggregateCall, ...]
    items: tuple[tuple[str, exp.Expr], ...]
    having: exp.Expr | None


def is_aggregate(node: exp.Expr) -> bool:
    """True for a call of an aggregate function, with its FILTER clause if it has one."""
    call = node.this if isinstance(node, exp.Filter) else node
    named = isinstance(call, exp.Anonymous) and call.name.upper()
    return named in (*AGGREGATES, *OTHER_AGGREGATES)


def grouping_of(select: exp.Select) -> tuple[exp.Expr, Grouping]:
    """The relation that a SELECT groups, and its parts. SqlError."""
    relation: exp.Expr = select.args["from_"].this
    window: WindowCall | None = None
    if is_window_table(relation):
        windowed: WindowTable = window_table(relation)
        relation, window = windowed.table, windowed.call
    return relation, _Splitter(select, window, relation.alias_or_name).split()


class _Splitter:
    def __init__(self, select: exp.Select, window: WindowCall | None, alias: str) -> None:
        self._select = select
        self._alias = alias
        self._table_window = window
        self._window = window
        self._keys: dict[str, tuple[str, exp.Expr]] = {}
        self._calls: dict[str, AggregateCall] = {}

    def _normal(self, node: exp.Expr) -> str:
        return _normal(node, self._alias)

    def split(self) -> Grouping:
        group = self._select.args.get("group")
        bounds: set[str] = set()
        for node in group.expressions if group is not None else []:
            if is_group_window(node):
                self._take_window(node)
            elif self._bound(node):
                bounds.add(node.name)
            else:
                self._keys.setdefault(self._normal(node), (f"k{len(self._keys)}", node))
        for name, value in (group.args if group is not None else {}).items():
            if value and name != "expressions":
                message = f"GROUP BY {name.upper().replace('_', ' ')} is not supported"
                raise SqlError(message, group)
        if self._table_window is not None and not {"window_start", "window_end"} <= bounds:
            message = (
                "the windows of TABLE(...) are grouped by: write GROUP BY window_start, window_end "
                "and the columns of the group"
            )
            raise SqlError(message, group if group is not None else self._select)
        items = []
        for number, node in enumerate(self._select.expressions):
            if node.is_star:
                message = "* is not in a GROUP BY clause; name the columns of the group"
                raise SqlError(message, node)
            inner = node.this if isinstance(node, exp.Alias) else node
            items.append((node.alias_or_name or f"EXPR${number}", self._replaced(inner)))
        having = self._select.args.get("having")
        rest = None if having is None else self._replaced(having.this)
        return Grouping(
            self._window,
            dict(self._keys.values()),
            tuple(self._calls.values()),
            tuple(items),
            rest,
        )

    def _take_window(self, node: exp.Expr) -> None:
        if self._window is not None:
            message = "a statement has one window; keep one"
            raise SqlError(message, node)
        self._window = group_window(node)

    def _bound(self, node: exp.Expr) -> bool:
        return (
            self._table_window is not None
            and isinstance(node, exp.Column)
            and node.name in WINDOW_COLUMNS
        )

    def _replaced(self, node: exp.Expr) -> exp.Expr:
        """`node` with what the groups give as columns named by us."""
        if (key := self._keys.get(self._normal(node))) is not None:
            return _column(key[0], node)
        if self._bound(node):
            return _column(node.name, node)
        if (bound := self._group_bound(node)) is not None:
            return _column(bound, node)
        if is_aggregate(node):
            return _column(self._call(node).name, node)
        if isinstance(node, exp.Column):
            message = f"{node.sql()} is neither in GROUP BY nor in an aggregate; add it to one"
            raise SqlError(message, node)
        if isinstance(node, exp.Query):
            message = "a query inside an expression is not supported; write a JOIN"
            raise SqlError(message, node)
        made = node.copy()
        for child in list(made.iter_expressions()):
            replaced = self._replaced(child)
            if replaced is not child:
                child.replace(replaced)
        return made

    def _group_bound(self, node: exp.Expr) -> str | None:
        """The window column that HOP_START(...) and its siblings stand for."""
        if not isinstance(node, exp.Anonymous):
            return None
        called, _, part = node.name.upper().rpartition("_")
        if called not in ("TUMBLE", "HOP", "SESSION") or part not in (*_PARTS, "PROCTIME"):
            return None
        name = exp.Anonymous(this=called, expressions=[one.copy() for one in node.expressions])
        window = self._window
        if window is None or self._table_window is not None or part == "PROCTIME":
            message = f"{node.name} goes with {called}(...) of the same arguments in GROUP BY"
            raise SqlError(message, node)
        if self._normal(name) != self._normal(window.node):
            message = f"{node.name} has other arguments than {window.node.name} in GROUP BY"
            raise SqlError(message, node)
        return _PARTS[part]

    def _call(self, node: exp.Expr) -> AggregateCall:
        call = node.this if isinstance(node, exp.Filter) else node
        function = call.name.upper()
        if function in OTHER_AGGREGATES:
            message = f"{function} is not supported in a window; use {', '.join(AGGREGATES)}"
            raise SqlError(message, call)
        if len(call.expressions) != 1 or isinstance(call.expressions[0], exp.Distinct):
            message = f"{function} takes one value, without DISTINCT, as {function}(amount)"
            raise SqlError(message, call)
        argument: exp.Expr | None = call.expressions[0]
        if isinstance(argument, exp.Star):
            if function != "COUNT":
                message = f"{function}(*) has no meaning; name a column"
                raise SqlError(message, call)
            argument = None
        if argument is not None and any(is_aggregate(one) for one in argument.walk()):
            message = f"an aggregate in {function}(...): aggregates do not nest"
            raise SqlError(message, call)
        if isinstance(node, exp.Filter):
            value = argument.copy() if argument is not None else exp.Literal.number(1)
            only = exp.If(this=node.expression.this.copy(), true=value)
            argument = exp.Case(ifs=[only])
        name = f"a{len(self._calls)}"
        return self._calls.setdefault(
            self._normal(node), AggregateCall(name, function, argument, node)
        )


def _column(name: str, place: exp.Expr) -> exp.Column:
    column = exp.column(name)
    column.this.meta.update(place.meta)
    column.meta.update(place.meta)
    return column


def _normal(node: exp.Expr, alias: str) -> str:
    """A text that is the same for two spellings of one expression over the relation `alias`."""
    copied = node.copy()
    for column in list(copied.find_all(exp.Column)):
        if len(column.parts) > 1 and column.parts[0].name == alias:
            plain = exp.Column(this=exp.Tuple(expressions=[one.copy() for one in column.parts[1:]]))
            if column is copied:
                copied = plain
            else:
                column.replace(plain)
    while isinstance(copied, exp.Paren):
        copied = copied.this
    # Not its SQL: nodes of our own have none.
    return repr(copied)
