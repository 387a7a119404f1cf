"""A table of a database that rows are written to, and how."""

from __future__ import annotations

import dataclasses
from typing import Any

import pyarrow as pa

from pipeline_io.database import Database
from pipeline_io.database_errors import DatabaseError

DELETE_OP = "d"
"""The `op` of a change event that has deleted its row."""


class SinkError(DatabaseError):
    """A table cannot be written to: the pipeline stops."""


class SinkUnavailable(SinkError):
    """The database stayed away through all attempts."""


class SinkAccessError(SinkError):
    """The database refuses the user or its rights."""


class SinkTableError(SinkError):
    """The table does not take such rows: it, a column or its key is missing, or a type differs."""


@dataclasses.dataclass(frozen=True)
class SinkColumn:
    """A column as it is written.

    type: of its values in Arrow; a timestamp with a time zone is in UTC. digits: behind the
    seconds, of a time or timestamp. is_json: its text is JSON.
    """

    name: str
    type: pa.DataType
    digits: int | None = None
    is_json: bool = False


@dataclasses.dataclass(frozen=True)
class DeleteOn:
    """Which rows delete theirs. column: whose value says so, and which is not stored; None for the
    `op` of the change event."""

    column: str | None = None
    value: str = DELETE_OP


@dataclasses.dataclass(frozen=True)
class DatabaseTable:
    """A table and how rows go into it.

    Args:
        name: `table` or `schema.table`.
        columns: those that are written, by their names in the table.
        key: those that tell rows apart; () appends every row.
        delete_on: None stores rows of deletes as any other.
        order_key_column: which is compared, so that no older row is written over a newer one. One
            that is none of `columns` gets the order key of the change event.
        deleted_column: marks deleted rows, which then stay, with their order key.
        max_rows: rows of a transaction at most. max_retries: tries after one that has failed.
        hides_values: of what the database says only a code is told, since it may quote a value.

    Raises ValueError.
    """

    database: Database
    name: str
    columns: tuple[SinkColumn, ...]
    key: tuple[str, ...] = ()
    delete_on: DeleteOn | None = dataclasses.field(default_factory=DeleteOn)
    order_key_column: str | None = None
    deleted_column: str | None = None
    max_rows: int = 5_000
    max_retries: int = 7
    hides_values: bool = False

    def __post_init__(self) -> None:
        if missing := set(self.key) - {column.name for column in self.columns}:
            message = f"the key's {', '.join(map(repr, sorted(missing)))} are no columns"
            raise ValueError(message)
        if self.deleted_column in {column.name for column in self.columns}:
            message = (
                f"the column {self.deleted_column!r} marks deleted rows and is written here: "
                "declare the table without it"
            )
            raise ValueError(message)

    def __str__(self) -> str:
        return f"the table {self.name} of {self.database}"

    @property
    def deletes(self) -> bool:
        """Whether a row may delete another one."""
        return bool(self.key) and self.delete_on is not None

    @property
    def control_column(self) -> str | None:
        """The column that says what becomes of a row, and is not stored."""
        return self.delete_on.column if self.delete_on is not None else None

    def stored_columns(self) -> tuple[SinkColumn, ...]:
        """The columns that are written, but for the mark of deleted rows."""
        stored = [column for column in self.columns if column.name != self.control_column]
        names = [column.name for column in stored]
        if self.order_key_column is not None and self.order_key_column not in names:
            stored.append(SinkColumn(self.order_key_column, pa.string()))
        return tuple(stored)

    def values(self) -> tuple[str, ...]:
        """The names of the columns beside the key; the order key is the last: where columns are
        written one after the other, what it is compared for comes before."""
        names = [column.name for column in self.stored_columns() if column.name not in self.key]
        return tuple(sorted(names, key=lambda name: name == self.order_key_column))

    def column(self, name: str) -> SinkColumn:
        return next(column for column in self.stored_columns() if column.name == name)


Rows = Any
"""A pyarrow Table with the stored columns."""
