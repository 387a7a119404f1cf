"""The type of the rows of a query that a database will run, for LOOKUP_ARRAY."""

from __future__ import annotations

import re

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError, TokenError

from transforms.sql.dialect import parse_type
from transforms.sql.errors import SqlError
from transforms.sql.job import Job
from transforms.sql.tables import Table
from transforms.sql.type_rules import sql_type
from transforms.sql.types import Field, Kind, SqlType, row


def array_element(
    job: Job, connection: Table, query: exp.Expr, declared: exp.Expr | None
) -> SqlType:
    """The ROW that one result of `query` (a literal) is.

    From the fourth argument where it is given ('ROW<flag STRING, severity INT>'), else from the
    query's columns: a CAST says its type, and a plain column is looked for in the job's declared
    tables of the same database. SqlError where the type of a column cannot be known.
    """
    if not re.search(r":key\b", query.name):
        message = "LOOKUP_ARRAY: the query has no :key; write ... WHERE column = :key"
        raise SqlError(message, query)
    if declared is not None:
        return _declared(declared)
    try:
        parsed = parse_one(query.name)
    except (ParseError, TokenError):
        parsed = None
    if not isinstance(parsed, exp.Select):
        message = (
            "LOOKUP_ARRAY: the query's columns cannot be read from it; give the type of a row as "
            "fourth argument, as in 'ROW<flag STRING, severity INT>'"
        )
        raise SqlError(message, query)
    return row(*(_field(job, connection, parsed, one, query) for one in parsed.expressions))


def _declared(node: exp.Expr) -> SqlType:
    try:
        found = sql_type(parse_type(node.name))
    except SqlError as error:
        error.message = f"LOOKUP_ARRAY: {error.message}"
        # Offsets inside the literal's text are no offsets of the script.
        raise SqlError(error.message, node) from error
    if found.kind is not Kind.ROW:
        message = f"LOOKUP_ARRAY: the type of a row is a ROW<...>, this is {found}"
        raise SqlError(message, node)
    return found


def _field(
    job: Job, connection: Table, select: exp.Select, item: exp.Expr, query: exp.Expr
) -> Field:
    name = item.alias_or_name
    value = item.this if isinstance(item, exp.Alias) else item
    if name and isinstance(value, exp.Cast):
        try:
            return Field(name, sql_type(value.to))
        except SqlError as error:
            message = f"LOOKUP_ARRAY: {name!r}: {error.message}"
            raise SqlError(message, query) from error
    if name and isinstance(value, exp.Column):
        tables = {table.name for table in select.find_all(exp.Table)}
        for table in job.tables.values():
            same = table.options.get("url") == connection.options.get("url")
            if not same or str(table.options.get("table-name")).split(".")[-1] not in tables:
                continue
            column = table.column(value.name)
            if column is not None and column.type is not None:
                return Field(name, column.type)
    message = (
        f"LOOKUP_ARRAY: the type of {item.sql()!r} is not known; declare the table that it is in "
        "by CREATE TABLE, write CAST(... AS ...) AS name in the query, or give the type of a row "
        "as fourth argument"
    )
    raise SqlError(message, query)
