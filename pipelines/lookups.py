"""The lookups of a job: its jdbc tables, joined to the databases behind them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from pipeline_io.database import Database, RetryPolicy
from pipeline_io.database_lookup import DatabaseLookup, Query
from pipeline_io.lookup_query import LookupQuery
from pipeline_io.lookup_table import LookupTable
from pipeline_io.secrets import read_secret
from transforms.lookup import CachePolicy, Lookup
from transforms.sql.connectors import OptionValue
from transforms.sql.plan import ArrayLookup, Branch, LookupJoin, Plan
from transforms.sql.types import polars_type

Options = Mapping[str, OptionValue]


def database(options: Options) -> Database:
    """The database of a jdbc table; its password is read now."""
    user, password = options.get("username"), options.get("password")
    return Database(
        str(options["url"]),
        user=None if user is None else str(user),
        password=None if password is None else read_secret(str(password)),
    )


def cache_policy(options: Options) -> CachePolicy:
    return CachePolicy(
        ttl_seconds=float(options["lookup.cache.ttl"]),
        max_rows=int(options["lookup.cache.max-rows"]),
        cache_misses=bool(options["lookup.cache.caching-missing-key"]),
    )


def join_query(step: LookupJoin, columns: tuple[str, ...]) -> LookupTable:
    """The query of a lookup join."""
    options = step.table.options
    keys = tuple(name for name, _ in step.keys)
    return LookupTable(database(options), str(options["table-name"]), keys, columns)


def array_query(step: ArrayLookup) -> LookupQuery:
    """The query of a LOOKUP_ARRAY."""
    return LookupQuery(database(step.table.options), step.query)


class DatabaseLookups:
    """Opens the lookups of a plan (transforms.sql.in_process.LookupOpener)."""

    def table(self, step: LookupJoin, columns: Mapping[str, pl.DataType]) -> Lookup:
        keys = {name: polars_type(expression.type) for name, expression in step.keys}
        query = join_query(step, tuple(columns))
        return _lookup(query, step.table.options, keys, columns)

    def query(self, step: ArrayLookup) -> Lookup:
        columns = {field.name: polars_type(field.type) for field in step.element.fields}
        keys = {"key": polars_type(step.key.type)}
        return _lookup(array_query(step), step.table.options, keys, columns)


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


def describe_lookup(branch: Branch, step: LookupJoin | ArrayLookup) -> str:
    """The very query that the database gets, without asking it."""
    match step:
        case LookupJoin():
            return _join(branch, step).explain()
        case ArrayLookup():
            return array_query(step).explain()


def check_lookups(plan: Plan) -> None:
    """Asks each database once, so that a job stops before it reads a record if one is away, or
    lacks a table or a column. Raises DatabaseError."""
    for branch in plan.branches:
        for step in branch.steps:
            match step:
                case LookupJoin():
                    _join(branch, step).check(START_RETRY)
                case ArrayLookup():
                    array_query(step).check(START_RETRY)


def _join(branch: Branch, step: LookupJoin) -> LookupTable:
    return join_query(step, tuple(column.name for column in branch.looked_up_columns(step)))
