"""Why a SELECT needs an engine with state: a window, a group, a join of streams."""

from __future__ import annotations

import dataclasses

from sqlglot import exp

from transforms.sql.windows import is_group_window, is_window_table
from transforms.sql.windows_grouping import is_aggregate

_HOW = (
    "a statement groups by its windows: FROM TABLE(TUMBLE(...)) GROUP BY window_start, window_end"
)


@dataclasses.dataclass(frozen=True)
class Reason:
    """What of a SELECT looks at several rows.

    word: as the statement says it. aggregate: whether it is a group or an aggregate. join: whether
    it is a join of streams.
    """

    word: str
    node: exp.Expr
    aggregate: bool = False
    join: bool = False

    def message(self) -> str:
        return f"{self.word} is not supported without GROUP BY; {_HOW}"


def reason_of(select: exp.Select) -> Reason | None:
    """What of a SELECT itself, its subqueries and views aside, needs state; None if nothing."""
    relation = select.args["from_"].this if select.args.get("from_") is not None else None
    group = select.args.get("group")
    for join in select.args.get("joins") or []:
        if isinstance(join.this, exp.Subquery) or not join.this.args.get("version"):
            return Reason("a join of streams", join.this, join=True)
    if relation is not None and is_window_table(relation):
        called = next(iter(relation.this.expressions), relation.this)
        return Reason(called.name.upper(), relation, aggregate=group is not None)
    for node in group.expressions if group is not None else []:
        if is_group_window(node):
            return Reason(node.name.upper(), node, aggregate=True)
    if group is not None:
        return Reason("GROUP BY", group, aggregate=True)
    parts = [*select.expressions, select.args.get("having")]
    for part in parts:
        for node in part.walk() if part is not None else []:
            if is_aggregate(node) and not isinstance(node.parent, exp.Window):
                call = node.this if isinstance(node, exp.Filter) else node
                return Reason(call.name.upper(), node, aggregate=True)
    return None
