"""The query of a one-to-many lookup: a SELECT that a job writes with one `:key` in it."""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy
import sqlglot
from sqlalchemy.types import NullType
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pipeline_io.database import (
    DEFAULT_RETRY,
    Database,
    LookupQueryError,
    RetryPolicy,
    with_retries,
)
from pipeline_io.lookup_table import (
    KEYS_PARAMETER,
    Row,
    bound_keys,
    key_parameter,
    keys_per_query,
    sql_text,
)

# SQLAlchemy's names of the dialects that sqlglot calls otherwise.
_SQLGLOT_DIALECTS = {"postgresql": "postgres", "mariadb": "mysql", "spanner": "bigquery"}
# Every dialect reads `:key` differently, and all of them a column's name alike.
_STAND_IN = "lookup_key_stand_in"
# With these the rows of one key depend on there being no rows of another.
_WHOLE_ANSWER = ("limit", "offset", "fetch", "group", "having", "qualify", "windows", "connect")


class _Plan(NamedTuple):
    text: str  # for sqlalchemy.text, with the parameter KEYS_PARAMETER
    one_by_one: str | None  # why keys are not asked for together


@dataclasses.dataclass(frozen=True)
class LookupQuery:
    """The rows of a SELECT for each key, in the order that its ORDER BY says.

    `SELECT a FROM f WHERE user_id = :key ORDER BY a` is asked for many keys at once, as
    `SELECT a, user_id FROM f WHERE user_id IN (...) ORDER BY a`: sorted as a whole, the rows of
    each key are sorted. Where that would mean something else (LIMIT, GROUP BY, aggregates, `:key`
    twice or elsewhere) there is one query a key; `one_by_one` says why. Asked together, rows are
    given to keys by the column's value; asked alone, whatever the database finds is the key's.

    Raises ValueError for text that is not one SELECT with `:key`.
    """

    database: Database
    sql: str

    def __post_init__(self) -> None:
        self._plan()

    @property
    def name(self) -> str:
        """What it is, for messages."""
        return f"query {' '.join(self.sql.split())!r}"

    @property
    def one_by_one(self) -> str | None:
        """Why each key takes a query of its own, or None."""
        return self._plan().one_by_one

    @property
    def keys_per_query(self) -> int:
        """How many keys one query asks for."""
        return 1 if self.one_by_one else keys_per_query(self.database.kind, 1)

    def lookup_query(self) -> sqlalchemy.TextClause:
        """The SELECT for many keys with the key as its last column, or as it is for one key."""
        text = sqlalchemy.text(self._plan().text)
        if self.one_by_one:
            return text.bindparams(sqlalchemy.bindparam(KEYS_PARAMETER, type_=NullType()))
        return text.bindparams(key_parameter())

    def parameters(self, keys: Sequence[Row]) -> Mapping[str, object]:
        """The bound values for one query's keys."""
        values = bound_keys(self.database.kind, keys)
        return {KEYS_PARAMETER: values[0] if self.one_by_one else values}

    def rows(self, keys: Sequence[Row], answer: Sequence[Row]) -> Sequence[Row]:
        """The answer with the key's value first in each row."""
        if self.one_by_one:
            return [(*keys[0], *row) for row in answer]
        return [(row[-1], *row[:-1]) for row in answer]

    def explain(self) -> str:
        """The SQL that the database gets, here for two keys of at most `keys_per_query`."""
        return sql_text(self.database, self.lookup_query(), [None, None])

    def check(self, policy: RetryPolicy = DEFAULT_RETRY) -> list[str]:
        """The names of the columns of a row, when the database accepts the query.

        Connects once and asks for a null key. Raises what `with_retries` raises.
        """
        engine = self.database.engine()

        def ask() -> list[str]:
            with engine.connect() as connection:
                parameters = self.parameters([(None,)])
                return list(connection.execute(self.lookup_query(), parameters).keys())

        try:
            columns = with_retries(ask, self.database, self.name, policy)
        finally:
            engine.dispose()
        return columns if self.one_by_one else columns[:-1]

    def _plan(self) -> _Plan:
        return _plan(self.sql, self.database.kind)


@functools.lru_cache(maxsize=256)
def _plan(sql: str, kind: str) -> _Plan:
    dialect = _SQLGLOT_DIALECTS.get(kind, kind)
    pieces = _pieces(sql, dialect)
    if len(pieces) == 1:
        message = f"{sql!r} has no :key; expected a SELECT with WHERE column = :key"
        raise ValueError(message)
    as_it_is = f":{KEYS_PARAMETER}".join(map(_escaped, pieces))
    try:
        statements = sqlglot.parse(_STAND_IN.join(pieces), read=dialect)
    except SqlglotError:
        return _Plan(as_it_is, "its SQL is not understood here")
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        message = f"{sql!r} is not one SELECT; a lookup only reads"
        raise ValueError(message)
    tree = statements[0]
    reason = _reason_for_one_by_one(tree, len(pieces) - 1)
    if reason:
        return _Plan(as_it_is, reason)
    return _Plan(_for_many_keys(tree, dialect), None)


def _pieces(sql: str, dialect: str) -> list[str]:
    """The text around each `:key` that is not inside a string, a name or a comment."""
    try:
        tokens = sqlglot.tokenize(sql, read=dialect)
    except SqlglotError as error:
        message = f"{sql!r} is not SQL of {dialect}: {error}"
        raise ValueError(message) from error
    pieces, start = [], 0
    for colon, name in itertools.pairwise(tokens):
        if colon.text == ":" and name.text.lower() == "key" and name.start == colon.end + 1:
            pieces.append(sql[start : colon.start])
            start = name.end + 1
    return [*pieces, sql[start:].rstrip().rstrip(";")]


def _escaped(text: str) -> str:
    """For sqlalchemy.text, to which a colon begins a parameter."""
    return text.replace(":", "\\:")


def _reason_for_one_by_one(tree: exp.Query, keys: int) -> str | None:
    if not isinstance(tree, exp.Select):
        return "it is not a plain SELECT"
    if keys > 1:
        return ":key stands in it more than once"
    for clause in _WHOLE_ANSWER:
        if tree.args.get(clause):
            return f"it has {clause.upper()}"
    distinct = tree.args.get("distinct")
    if distinct is not None and distinct.args.get("on"):
        return "it has DISTINCT ON"
    # An unknown function may be an aggregate of the database's own.
    shown = [*tree.expressions, *([tree.args["order"]] if tree.args.get("order") else [])]
    if any(part.find(exp.AggFunc, exp.Window, exp.Anonymous) for part in shown):
        return "it has aggregate, window or unknown functions"
    if _key_condition(tree) is None:
        return ":key is not in a condition `column = :key` of WHERE"
    return None


def _key_condition(tree: exp.Select) -> tuple[exp.EQ, exp.Column] | None:
    """The condition of WHERE, all of which must hold, that compares a column with the key."""
    where = tree.args.get("where")
    for condition in (
        where.this.flatten()
        if where and isinstance(where.this, exp.And)
        else ([where.this] if where else [])
    ):
        plain = condition.unnest()
        if isinstance(plain, exp.EQ):
            for column, key in ((plain.left, plain.right), (plain.right, plain.left)):
                if _is_stand_in(key) and isinstance(column, exp.Column):
                    return plain, column
    return None


def _is_stand_in(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and node.name == _STAND_IN and not node.table


def _for_many_keys(tree: exp.Query, dialect: str) -> str:
    found = _key_condition(tree) if isinstance(tree, exp.Select) else None
    if found is None:
        message = f"{tree.sql(dialect)!r} has no condition on the key"
        raise LookupQueryError(message)
    condition, column = found
    # Last, as MySQL takes a `*` in the first place only.
    tree.select(exp.alias_(column.copy(), "lookup_key"), append=True, copy=False)
    condition.replace(exp.In(this=column.copy(), expressions=[exp.column(_STAND_IN)]))
    return _escaped(tree.sql(dialect)).replace(f"({_STAND_IN})", f":{KEYS_PARAMETER}")
