"""The part of a query that looks at several rows, as Beam SQL will get it."""

from __future__ import annotations

import dataclasses

from sqlglot import exp

from transforms.sql.query_planner import QueryPlan
from transforms.sql.tables import Table
from transforms.sql.types import SqlType
from transforms.sql.windows import Window


@dataclasses.dataclass
class CoreInput:
    """One input of a core: plans whose columns cross, by these names."""

    name: str
    plans: list[QueryPlan]
    columns: tuple[tuple[str, SqlType], ...]
    delay: int = 0


@dataclasses.dataclass
class Core:
    """The part of a query that Beam SQL does. `table` is what comes out of it."""

    table: Table
    inputs: list[CoreInput]
    window: Window | None
    query: str
    reason: str
    node: exp.Expr
    bounded_only: str | None
