"""One input of a join of streams, and the names that a statement may use of it."""

from __future__ import annotations

import dataclasses

from sqlglot import exp

from transforms.sql.beam_sql_columns import restored
from transforms.sql.expression import Expression, Session
from transforms.sql.query_planner import QueryPlan
from transforms.sql.scope import Relation
from transforms.sql.types import SqlType
from transforms.sql.windows import WINDOW_COLUMNS, WindowCall
from transforms.sql.windows_time import bounds


@dataclasses.dataclass
class JoinSide:
    """One input of a join. used: the columns that the statement reads of it, with the names under
    which they cross."""

    alias: str
    plans: list[QueryPlan]
    call: WindowCall | None
    letter: str
    node: exp.Expr
    session: Session
    used: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        # Kept, since the plans' columns become those that cross.
        plan = self.plans[0]
        self.names = tuple(plan.names)
        self._types = {
            name: column.type for name, column in zip(plan.names, plan.columns, strict=True)
        }

    def type_of(self, name: str) -> SqlType:
        return self._types[name]

    def relation(self) -> Relation:
        names = list(self.names)
        window: dict[str, Expression] = {}
        if self.call is not None:
            window = bounds(self.type_of(self.call.time.name), self.session)
            names += [name for name in WINDOW_COLUMNS if name not in names]

        def column(name: str) -> Expression:
            if name in window and name not in self.names:
                return window[name]
            crossing = self.used.setdefault(name, f"{self.letter}{len(self.used)}")
            return restored(crossing, self.type_of(name))

        return Relation(self.alias, names, column)
