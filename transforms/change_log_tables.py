"""Which table of the log a change event belongs to, and which database a source is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from transforms.avro import DecodedGroup
from transforms.change_log_events import Kind, kind_of
from transforms.change_log_order import Positions
from transforms.change_log_texts import VARIES, Array, constant
from transforms.sql.source import polars_series

SCHEMA_CHANGES = "_schema_changes"
"""The table of a source's statements that changed tables."""


class OtherDatabase(ValueError):
    """An event of a second database, or of a table whose name is another one's."""


class Part(NamedTuple):
    """Rows of a group that belong to one table; table is None where nobody asked for them."""

    table: str | None
    rows: Positions
    error: OtherDatabase | None = None


class TableNames:
    """Names tables, and holds a source to one database.

    Args:
        warehouse_name: of a schema (None in MySQL) and a table: what the log's table is called.
        database: the source's, events of others are passed over. None is that of the first event,
            and events of others are refused.
    """

    def __init__(
        self, warehouse_name: Callable[[str | None, str], str], database: str | None = None
    ) -> None:
        self._warehouse_name = warehouse_name
        self.database = database
        self._chosen = database is not None
        self._known: dict[str, tuple[str | None, str]] = {}
        self._of_topic: dict[str, str] = {}

    def parts(self, group: DecodedGroup, topics: pl.Series) -> Iterator[Part]:
        """The rows of a group by table."""
        everything = np.arange(group.rows.num_rows, dtype=np.int64)
        if kind_of(group.rows.schema) is Kind.SCHEMA_CHANGE:
            ours = self._statements(group)
            yield Part(SCHEMA_CHANGES, everything[ours])
            yield Part(None, everything[~ours])
            return
        columns = _places(group)
        one = [constant(column) for column in columns.values()]
        if VARIES not in one:
            yield self._part(group, tuple(one), everything, topics)
            return
        places = pl.DataFrame({name: polars_series(column) for name, column in columns.items()})
        numbered = places.with_row_index("row")
        for place, rows in numbered.group_by(places.columns, maintain_order=True):
            yield self._part(group, place, rows["row"].to_numpy().astype(np.int64), topics)

    def of_topic(self, topic: str) -> str:
        """The table of a topic's records, also of those that say nothing themselves."""
        if topic in self._of_topic:
            return self._of_topic[topic]
        *above, name = topic.split(".")
        schema = above[-1] if len(above) > 1 else None
        known = set(self._of_topic.values())
        full = self._warehouse_name(schema, name)
        return full if full in known else name

    def _part(
        self, group: DecodedGroup, place: tuple[Any, ...], rows: Positions, topics: pl.Series
    ) -> Part:
        database, schema, table = place
        if not self._is_ours(database):
            if self._chosen:
                return Part(None, rows)
            message = (
                f"the event is of the database {database!r}, and this log of {self.database!r}: "
                f"a source is one database; name it (--database={self.database}) to pass over "
                "the others, and give each a --source_name of its own"
            )
            return Part(None, rows, OtherDatabase(message))
        name = self._warehouse_name(schema, str(table))
        # Some warehouses do not tell names apart by the case of their letters.
        known = self._known.setdefault(name.lower(), (schema, str(table)))
        if known != (schema, str(table)):
            message = (
                f"the tables {known} and {(schema, table)} would both be {name!r} in the "
                "warehouse; leave one of them out (--topics), or give it another source"
            )
            return Part(None, rows, OtherDatabase(message))
        self._of_topic[str(topics[int(group.positions[rows[0]])])] = name
        return Part(name, rows)

    def _statements(self, group: DecodedGroup) -> npt.NDArray[np.bool_]:
        """Which statements are kept. Those that set a server's variables belong to no database,
        and no statement says which database is the source's: a snapshot has those of all."""
        names = group.rows.schema.names
        if not self._chosen or "databaseName" not in names:
            return np.ones(group.rows.num_rows, np.bool_)
        databases = group.rows.column("databaseName").to_pylist()
        return np.array([name in (None, "", self.database) for name in databases], np.bool_)

    def _is_ours(self, database: object) -> bool:
        if self.database is None:
            self.database = str(database)
        return str(database) == self.database


def _places(group: DecodedGroup) -> dict[str, Array]:
    """Database, schema and table of each row."""
    source: Any = group.rows.column("source")
    fields = dict(zip((field.name for field in source.type), source.flatten(), strict=True))
    empty = pa.nulls(group.rows.num_rows, pa.string())
    return {name: fields.get(name, empty) for name in ("db", "schema", "table")}
