"""The lookups of a job: its jdbc tables, joined to the databases behind them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from pipeline_io.database import Database, RetryPolicy
from pipeline_io.database_lookup import DatabaseLookup, Query
from pipeline_io.lookup_query import LookupQuery
from pipeline_io.lookup_table import LookupTable
from pipeline_io.secrets import Secret
from transforms.lookup import CachePolicy, Lookup
from transforms.sql.connectors import OptionValue
from transforms.sql.errors import SqlError, SqlErrors
from transforms.sql.explain import LookupDescription
from transforms.sql.job import Job
from transforms.sql.plan import ArrayLookup, Branch, Filter, LookupJoin, Plan
from transforms.sql.types import polars_type

Options = Mapping[str, OptionValue]


def database(options: Options, *, with_password: bool = True) -> Database:
    """The database of a jdbc table; its password is read when it connects. Raises ValueError."""
    user, password = options.get("username"), options.get("password")
    return Database(
        str(options["url"]),
        user=None if user is None else str(user),
        password=Secret(str(password)) if password is not None and with_password else None,
    )


def cache_policy(options: Options) -> CachePolicy:
    return CachePolicy(
        ttl_seconds=float(options["lookup.cache.ttl"]),
        max_rows=int(options["lookup.cache.max-rows"]),
        cache_misses=bool(options["lookup.cache.caching-missing-key"]),
    )


def join_query(where: Database, step: LookupJoin, columns: tuple[str, ...]) -> LookupTable:
    """The query of a lookup join."""
    keys = tuple(name for name, _ in step.keys)
    return LookupTable(where, str(step.table.options["table-name"]), keys, columns)


class DatabaseLookups:
    """Opens the lookups of a plan (transforms.sql.in_process.LookupOpener)."""

    def table(self, step: LookupJoin, columns: Mapping[str, pl.DataType]) -> Lookup:
        keys = {name: polars_type(expression.type) for name, expression in step.keys}
        query = join_query(database(step.table.options), step, tuple(columns))
        return _lookup(query, step.table.options, keys, columns)

    def query(self, step: ArrayLookup) -> Lookup:
        columns = {field.name: polars_type(field.type) for field in step.element.fields}
        keys = {"key": polars_type(step.key.type)}
        query = LookupQuery(database(step.table.options), step.query)
        return _lookup(query, step.table.options, keys, columns)


def _lookup(
    query: Query,
    options: Options,
    keys: Mapping[str, pl.DataType],
    columns: Mapping[str, pl.DataType],
) -> Lookup:
    limit = options.get("lookup.max-queries-per-second")
    source = DatabaseLookup(
        query,
        retry=RetryPolicy(attempts=int(options["lookup.max-retries"]) + 1),
        queries_per_second=None if limit is None else float(limit),
    )
    return Lookup(source, keys, columns, cache_policy(options))


START_RETRY = RetryPolicy(attempts=3)
"""Before the start a database that is away is told soon; in mid-run it is waited for."""


def describe_lookup(branch: Branch, step: LookupJoin | ArrayLookup) -> LookupDescription:
    """The very query that the database gets, without asking it and without its password."""
    where = database(step.table.options, with_password=False)
    query = _query(where, branch, step)
    one_by_one = query.one_by_one if isinstance(query, LookupQuery) else None
    return LookupDescription(str(where), query.explain(), query.keys_per_query, one_by_one)


def check_lookup_texts(job: Job, plan: Plan) -> None:
    """Reads the addresses and queries of a plan's lookups. Raises SqlErrors, each at its place."""
    errors: list[SqlError] = []
    for branch in plan.branches:
        for step in branch.steps:
            if isinstance(step, Filter):
                continue
            url = step.table.option_node("url")
            try:
                where = database(step.table.options, with_password=False)
            except ValueError as error:
                errors.append(SqlError(str(error), url))
                continue
            if password := where.url.password:
                # A value from outside the script may hold one; it is shown nowhere.
                if str(password) in (job.written(url) or ""):
                    message = (
                        "the address holds a password in plain text; take it out and give "
                        "'username' and 'password' = 'env://NAME'"
                    )
                    errors.append(SqlError(message, url, hidden=True))
                    continue
            try:
                _query(where, branch, step)
            except ValueError as error:
                place = step.node.expressions[1] if isinstance(step, ArrayLookup) else step.node
                errors.append(SqlError(f"LOOKUP_ARRAY: {error}", place))
    if errors:
        raise SqlErrors([job.located(error) for error in errors])


def check_lookups(plan: Plan) -> None:
    """Asks each database once, so that a job stops before it reads a record if one is away, or
    lacks a table or a column. Raises DatabaseError, SecretError."""
    for branch in plan.branches:
        for step in branch.steps:
            if not isinstance(step, Filter):
                _query(database(step.table.options), branch, step).check(START_RETRY)


def _query(
    where: Database, branch: Branch, step: LookupJoin | ArrayLookup
) -> LookupTable | LookupQuery:
    match step:
        case LookupJoin():
            columns = tuple(column.name for column in branch.looked_up_columns(step))
            return join_query(where, step, columns)
        case ArrayLookup():
            return LookupQuery(where, step.query)
