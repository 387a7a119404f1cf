"""What Beam SQL does for a statement: the rows that go in, the query, the rows that come out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from sqlglot import exp

from transforms.sql.connectors import Connector, OptionValue, Role
from transforms.sql.json_options import JsonOptions
from transforms.sql.plan import Branch
from transforms.sql.statements import CreateTable
from transforms.sql.tables import Column, ColumnKind, Table
from transforms.sql.types import Kind, SqlType
from transforms.sql.windows import Window

EVENT_TIME = "ts"
"""Column of the rows that go in: the event time in microseconds, BIGINT."""

WINDOW_START = "window_start"
WINDOW_END = "window_end"
"""Columns of the rows that come out: the bounds of their window in microseconds, BIGINT."""

# As messages, so that each row has the record that it came of, for a dead letter if it is late.
INPUT = Connector(
    "beam-sql input", "Rows that go to Beam SQL.", frozenset({Role.SINK}), (), messages=True
)
RESULT = Connector("beam-sql result", "Rows that come from it.", frozenset({Role.SOURCE}), ())

_OPTIONS: dict[str, OptionValue] = {
    "json.timestamp-format.standard": JsonOptions().timestamp_format,
    "json.encode.ignore-null-fields": False,
    # Digits would be lost as a JSON number.
    "json.decimal-as-string": True,
    "format": "json",
    "value.format": "json",
}


def beam_sql_table(
    name: str, columns: tuple[tuple[str, SqlType], ...], connector: Connector
) -> Table:
    """A table that no script declares: what a branch writes for Beam SQL, or reads from it."""
    node = CreateTable(this=exp.to_identifier(name), expressions=[], options=[])
    return Table(
        name=name,
        columns=tuple(
            Column(column, ColumnKind.PHYSICAL, node.this, type=sql_type)
            for column, sql_type in columns
        ),
        primary_key=(),
        connector=connector,
        options=dict(_OPTIONS),
        node=node,
    )


@dataclasses.dataclass(frozen=True)
class BeamSqlInput:
    """One table of a Beam SQL query.

    name: as the query calls it. table: the sink of `branches`, which compute its rows in-process;
    their payload is JSON of the table's columns. delay: microseconds by which rows may come after
    later ones, from the source's WATERMARK. times: the columns that are TIMESTAMP or DATE to Beam
    SQL too, and not the numbers as which others cross.
    """

    name: str
    table: Table
    branches: tuple[Branch, ...]
    delay: int = 0
    times: Mapping[str, Kind] = dataclasses.field(default_factory=dict)

    def columns(self) -> tuple[tuple[str, SqlType], ...]:
        return tuple(
            (column.name, column.type) for column in self.table.columns if column.type is not None
        )


@dataclasses.dataclass(frozen=True)
class BeamSqlBranch:
    """A statement with a part for Beam SQL.

    query: the SQL that Beam SQL gets, over the inputs' names. result: the steps in-process on
    what comes out, up to the sink; its source is a table of the query's columns, and of the
    window's bounds where there is a window. reason: the word of the statement that needs an
    engine with state. bounded_only: why it would give nothing on a stream without an end; None
    where it does.
    """

    name: str
    inputs: tuple[BeamSqlInput, ...]
    window: Window | None
    query: str
    result: Branch
    reason: str
    node: exp.Expr
    bounded_only: str | None = None

    def sources(self) -> tuple[Table, ...]:
        """The tables of the script that the statement reads."""
        found = {
            branch.source.name: branch.source for one in self.inputs for branch in one.branches
        }
        return tuple(found.values())

    def result_columns(self) -> tuple[tuple[str, SqlType], ...]:
        """What comes out of Beam SQL, window bounds last."""
        return tuple(
            (column.name, column.type)
            for column in self.result.source.columns
            if column.type is not None
        )

    def delay(self) -> int:
        """Microseconds by which the inputs' rows may come late, the most of all."""
        return max(one.delay for one in self.inputs)
