"""The SQL that stores and deletes rows of a table, for each kind of database."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy

from pipeline_io.database_sink_table import DatabaseTable, SinkColumn
from pipeline_io.database_sink_values import postgres_element, values_of

_TYPES: Any = pa.types
_MARK = "deleted_mark"
_UPSERTING = ("postgresql", "sqlite", "mysql", "mariadb")
# What a text is put into without a cast, so that one that is too long is refused and not cut.
_POSTGRES_TEXTS = frozenset({"text", "character varying", "character", "bpchar", "name"})


@dataclasses.dataclass(frozen=True)
class Statement:
    """A statement for many rows. Its parameters are p0, p1, ... for its columns.

    constants: parameters besides. as_arrays: each column is one parameter, an array.
    """

    text: sqlalchemy.TextClause
    columns: tuple[SinkColumn, ...]
    kind: str
    constants: Mapping[str, object] = dataclasses.field(default_factory=dict)
    as_arrays: bool = False

    def names(self) -> list[str]:
        """Of all parameters."""
        return [*(f"p{number}" for number in range(len(self.columns))), *self.constants]

    def parameters(self, rows: Any) -> dict[str, Any] | list[dict[str, Any]]:
        """Of rows, a pyarrow Table that has the columns."""
        columns = [values_of(rows[column.name], self.kind) for column in self.columns]
        names = self.names()
        if self.as_arrays:
            return {**dict(zip(names, columns, strict=False)), **self.constants}
        more = tuple(self.constants.values())
        return [dict(zip(names, (*row, *more), strict=True)) for row in zip(*columns, strict=True)]


@dataclasses.dataclass(frozen=True)
class Statements:
    """store: stores rows that are no deletes, delete: does what a delete asks for; each one after
    the other, in one transaction. merges: whether one statement both inserts and updates."""

    store: tuple[Statement, ...]
    delete: tuple[Statement, ...]


class Writing:
    """Makes the statements of one table.

    Args:
        kinds: PostgreSQL's names of the columns' types.
        merges: whether INSERT may update by itself. Of MySQL only where the key is the only unique
            index: else the row of another key would be changed.
    """

    def __init__(
        self,
        table: DatabaseTable,
        dialect: sqlalchemy.Dialect,
        kinds: Mapping[str, str],
        *,
        merges: bool,
    ) -> None:
        self._table = table
        self._dialect = dialect
        self._kind = dialect.name
        self._kinds = kinds
        self._merges = merges and self._kind in _UPSERTING
        schema, _, name = table.name.rpartition(".")
        self._name = ".".join(self._quote(part) for part in (schema, name) if part)

    def _quote(self, name: str) -> str:
        quoted = self._dialect.identifier_preparer.quote(name)
        if self._dialect.paramstyle in ("format", "pyformat"):
            # Doubled for the driver, which is done for the whole text.
            quoted = quoted.replace("%%", "%")
        # A colon would begin a parameter.
        return quoted.replace(":", "\\:")

    def statements(self) -> Statements:
        table = self._table
        columns = table.stored_columns()
        if not table.key:
            return Statements((self._insert(columns, None),), ())
        marked = table.deleted_column is not None
        store = self._merge(columns, table.values(), deleted=False if marked else None)
        if not table.deletes:
            return Statements(store, ())
        if marked:
            # What the row was last stays; what is compared is the delete's.
            kept = [name for name in table.values() if name == table.order_key_column]
            return Statements(store, self._merge(columns, kept, deleted=True))
        return Statements(store, (self._delete(),))

    def _merge(
        self, columns: Sequence[SinkColumn], changed: Sequence[str], *, deleted: bool | None
    ) -> tuple[Statement, ...]:
        """Inserts rows, and changes some columns of those whose key is there."""
        if self._merges:
            return (self._insert(columns, changed, deleted),)
        inserts = self._insert_missing(columns, deleted)
        if not changed and deleted is None:
            return (inserts,)
        return (self._update(changed, deleted), inserts)

    def _insert(
        self,
        columns: Sequence[SinkColumn],
        changed: Sequence[str] | None,
        deleted: bool | None = None,
    ) -> Statement:
        """changed: None for rows without a key."""
        constants: dict[str, object] = {}
        names = [self._quote(column.name) for column in columns]
        if deleted is not None and self._table.deleted_column is not None:
            names.append(self._quote(self._table.deleted_column))
            constants[_MARK] = deleted if self._kind == "postgresql" else int(deleted)
        merged = "" if changed is None else self._on_conflict(changed)
        head = f"INSERT INTO {self._name} ({', '.join(names)})"
        if self._kind == "postgresql":
            values = [self._cast(column, f"s.p{number}") for number, column in enumerate(columns)]
            # Constants are no arrays: they stand for all rows.
            values += [f"CAST(:{name} AS boolean)" for name in constants]
            text = f"{head} SELECT {', '.join(values)} FROM {self._unnest(columns)}{merged}"  # noqa: S608
            return self._made(text, columns, constants, as_arrays=True)
        values = [f":p{number}" for number in range(len(columns))]
        values += [f":{name}" for name in constants]
        return self._made(f"{head} VALUES ({', '.join(values)}){merged}", columns, constants)

    def _on_conflict(self, changed: Sequence[str]) -> str:
        names = [self._quote(name) for name in changed]
        if self._table.deleted_column is not None:
            # Before the order key, which is compared by each of MySQL's assignments.
            names.insert(0, self._quote(self._table.deleted_column))
        key = ", ".join(self._quote(name) for name in self._table.key)
        if self._kind in ("mysql", "mariadb"):
            newer = self._newer(lambda name: f"VALUES({name})", "")
            if not names:
                first = self._quote(self._table.key[0])
                return f" ON DUPLICATE KEY UPDATE {first} = {first}"
            changes = [
                f"{name} = IF({newer}, VALUES({name}), {name})"
                if newer
                else f"{name} = VALUES({name})"
                for name in names
            ]
            return f" ON DUPLICATE KEY UPDATE {', '.join(changes)}"
        if not names:
            return f" ON CONFLICT ({key}) DO NOTHING"
        changes = [f"{name} = EXCLUDED.{name}" for name in names]
        newer = self._newer(lambda name: f"EXCLUDED.{name}", f"{self._name}.")
        where = f" WHERE {newer}" if newer else ""
        return f" ON CONFLICT ({key}) DO UPDATE SET {', '.join(changes)}{where}"

    def _update(self, changed: Sequence[str], deleted: bool | None) -> Statement:
        table = self._table
        columns = [table.column(name) for name in changed]
        changes = [
            f"{self._quote(column.name)} = :p{number}" for number, column in enumerate(columns)
        ]
        constants: dict[str, object] = {}
        if deleted is not None and table.deleted_column is not None:
            constants[_MARK] = int(deleted)
            changes.append(f"{self._quote(table.deleted_column)} = :{_MARK}")
        where, columns = self._matching(columns)
        text = f"UPDATE {self._name} SET {', '.join(changes)} WHERE {where}"  # noqa: S608
        return self._made(text, columns, constants)

    def _insert_missing(self, columns: Sequence[SinkColumn], deleted: bool | None) -> Statement:
        table = self._table
        names = [self._quote(column.name) for column in columns]
        values = [f":p{number}" for number in range(len(columns))]
        constants: dict[str, object] = {}
        if deleted is not None and table.deleted_column is not None:
            constants[_MARK] = int(deleted)
            names.append(self._quote(table.deleted_column))
            values.append(f":{_MARK}")
        places = {column.name: number for number, column in enumerate(columns)}
        key = " AND ".join(f"{self._quote(name)} = :p{places[name]}" for name in table.key)
        dual = " FROM DUAL" if self._kind in ("mysql", "mariadb", "oracle") else ""
        text = (
            f"INSERT INTO {self._name} ({', '.join(names)}) SELECT {', '.join(values)}{dual} "  # noqa: S608
            f"WHERE NOT EXISTS (SELECT 1 FROM {self._name} WHERE {key})"
        )
        return self._made(text, columns, constants)

    def _delete(self) -> Statement:
        if self._kind != "postgresql":
            where, columns = self._matching([])
            return self._made(f"DELETE FROM {self._name} WHERE {where}", columns)  # noqa: S608
        columns = self._compared()
        equal = [
            f"{self._name}.{self._quote(column.name)} = {self._cast(column, f's.p{number}')}"
            for number, column in enumerate(columns)
            if column.name in self._table.key
        ]
        newer = self._newer(lambda _: f"s.p{len(columns) - 1}", f"{self._name}.")
        where = " AND ".join([*equal, *([f"({newer})"] if newer else [])])
        text = f"DELETE FROM {self._name} USING {self._unnest(columns)} WHERE {where}"  # noqa: S608
        return self._made(text, columns, as_arrays=True)

    def _compared(self) -> list[SinkColumn]:
        """The columns of the key, and behind them the one that is compared."""
        table = self._table
        found = [table.column(name) for name in table.key]
        if table.order_key_column is not None:
            found.append(table.column(table.order_key_column))
        return found

    def _matching(self, columns: list[SinkColumn]) -> tuple[str, list[SinkColumn]]:
        """The condition of the row that a row is for, unless that is newer; and all columns."""
        first = len(columns)
        compared = self._compared()
        conditions = [
            f"{self._quote(column.name)} = :p{first + number}"
            for number, column in enumerate(compared)
            if column.name in self._table.key
        ]
        if newer := self._newer(lambda _: f":p{first + len(compared) - 1}", ""):
            conditions.append(f"({newer})")
        return " AND ".join(conditions), [*columns, *compared]

    def _newer(self, given: Callable[[str], str], prefix: str) -> str:
        """The condition that a row is no older than the one that is there; "" for none."""
        name = self._table.order_key_column
        if name is None:
            return ""
        column = self._quote(name)
        there, comes = f"{prefix}{column}", given(column)
        binary = "{}"
        if _TYPES.is_string(self._table.column(name).type):
            # By its bytes, as it is compared among the rows of a batch.
            binary = {
                "postgresql": '{} COLLATE "C"',
                "sqlite": "{} COLLATE BINARY",
                "mysql": "CAST({} AS BINARY)",
                "mariadb": "CAST({} AS BINARY)",
            }.get(self._kind, "{}")
        return f"{there} IS NULL OR {binary.format(comes)} >= {binary.format(there)}"

    def _unnest(self, columns: Sequence[SinkColumn]) -> str:
        names = ", ".join(f"p{number}" for number in range(len(columns)))
        arrays = ", ".join(
            f"CAST(:p{number} AS {postgres_element(column.type)}[])"
            for number, column in enumerate(columns)
        )
        return f"unnest({arrays}) AS s ({names})"

    def _cast(self, column: SinkColumn, value: str) -> str:
        kind = self._kinds.get(column.name, "text")
        if not _TYPES.is_string(column.type) or kind in _POSTGRES_TEXTS:
            return value
        return f"CAST({value} AS {kind})"

    def _made(
        self,
        text: str,
        columns: Sequence[SinkColumn],
        constants: Mapping[str, object] | None = None,
        *,
        as_arrays: bool = False,
    ) -> Statement:
        return Statement(
            sqlalchemy.text(text), tuple(columns), self._kind, constants or {}, as_arrays
        )
