"""The query of a lookup join: rows of one table by its key columns."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

import sqlalchemy
from sqlalchemy.types import NullType

from pipeline_io.database import (
    DEFAULT_RETRY,
    Database,
    LookupQueryError,
    RetryPolicy,
    describe_columns,
    nearest,
)

Row = tuple[object, ...]

KEYS_PARAMETER = "lookup_keys"
# Enough to make a round trip's cost vanish (5.9 against 248 CPU seconds a million keys one by
# one), and short enough for every server's parser.
KEYS_PER_QUERY = 1_000
# SQLite before 3.32 takes 999 bound values, Spanner 950, PostgreSQL 65,535; MySQL's driver
# writes them into the text, which max_allowed_packet bounds.
_BOUND_VALUES = {"sqlite": 999, "spanner": 950}
_BOUND_VALUES_ELSEWHERE = 30_000


def keys_per_query(kind: str, key_columns: int) -> int:
    """How many keys of so many columns one query to a database of this kind may ask for."""
    most = _BOUND_VALUES.get(kind, _BOUND_VALUES_ELSEWHERE)
    return min(KEYS_PER_QUERY, most // key_columns)


def bound_keys(kind: str, keys: Sequence[Row]) -> list[object]:
    """The keys as the driver takes them: values for one key column, tuples for several."""
    if kind == "sqlite":
        keys = [tuple(map(_sqlite_value, key)) for key in keys]
    return [key[0] if len(key) == 1 else key for key in keys]


def _sqlite_value(value: object) -> object:
    """SQLite has no decimals and no times: its columns hold them as text or numbers.

    Text is compared with a column of numeric affinity as a number, so that it never goes through
    a float here.
    """
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return value


def key_parameter() -> sqlalchemy.BindParameter[object]:
    """The list of keys, of no declared type.

    With a type, SQLAlchemy would cast the values for psycopg (`$1::VARCHAR`), and PostgreSQL has
    no `uuid = varchar`; without one the server takes the column's type.
    """
    return sqlalchemy.bindparam(KEYS_PARAMETER, expanding=True, type_=NullType())


def sql_text(
    database: Database, statement: sqlalchemy.ClauseElement, keys: Sequence[object]
) -> str:
    """The SQL that the database gets for so many keys; nothing is connected."""
    compiled = statement.params({KEYS_PARAMETER: list(keys)}).compile(
        dialect=database.dialect(), compile_kwargs={"render_postcompile": True}
    )
    return str(compiled)


@dataclasses.dataclass(frozen=True)
class LookupTable:
    """Rows of a table (`name` or `schema.name`) whose key columns equal a key.

    Names are quoted where the database needs it, as they are written: PostgreSQL's own are lower
    case.
    """

    database: Database
    table: str
    key_columns: tuple[str, ...]
    value_columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.table or not self.key_columns or not self.value_columns:
            message = f"{self!r} needs a table, a key column and a value column"
            raise ValueError(message)

    @property
    def name(self) -> str:
        """What it is, for messages."""
        return f"table {self.table}"

    @property
    def keys_per_query(self) -> int:
        """How many keys one query may ask for."""
        return keys_per_query(self.database.kind, len(self.key_columns))

    def lookup_query(self) -> sqlalchemy.Select[Row]:
        """SELECT keys, values FROM table WHERE keys IN (...): key values first in each row."""
        schema, _, name = self.table.rpartition(".")
        columns = dict.fromkeys((*self.key_columns, *self.value_columns))
        table = sqlalchemy.table(name, *map(sqlalchemy.column, columns), schema=schema or None)
        keys = [table.c[name] for name in self.key_columns]
        values = [table.c[name] for name in self.value_columns]
        if len(keys) == 1:
            condition = keys[0].in_(key_parameter())
        else:
            condition = sqlalchemy.tuple_(*keys).in_(
                sqlalchemy.bindparam(KEYS_PARAMETER, expanding=True)
            )
        return sqlalchemy.select(*keys, *values).where(condition)

    def parameters(self, keys: Sequence[Row]) -> Mapping[str, list[object]]:
        """The bound values for one query's keys."""
        return {KEYS_PARAMETER: bound_keys(self.database.kind, keys)}

    def rows(self, keys: Sequence[Row], answer: Sequence[Row]) -> Sequence[Row]:
        """The answer with the key's values first in each row, as it comes."""
        return answer

    def explain(self) -> str:
        """The SQL that the database gets, here for two keys of at most `keys_per_query`."""
        example: Row = (None,) * len(self.key_columns)
        text = sql_text(self.database, self.lookup_query(), bound_keys("", [example] * 2))
        return text.replace(" \n", "\n")

    def check(self, policy: RetryPolicy = DEFAULT_RETRY) -> dict[str, str]:
        """The SQL types of the table's columns, when all of them that this needs exist.

        Connects once. Raises what `describe_columns` raises, LookupQueryError for a column that
        does not exist.
        """
        known = describe_columns(self.database, self.table, policy)
        for column in (*self.key_columns, *self.value_columns):
            if column not in known:
                message = (
                    f"{self.database}: {self.name} has no column {column!r}; "
                    f"{nearest(column, known)}"
                )
                raise LookupQueryError(message)
        return known
