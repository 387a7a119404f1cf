"""Spanner's information schema."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import google.auth.exceptions
from google.api_core import exceptions
from google.api_core.retry import Retry

from kami.errors import ConfigurationError, UnreachableError
from kami.schema import SourceColumn, SourceTable

COLUMNS_SQL = """
SELECT c.table_schema, c.table_name, c.column_name, c.spanner_type, c.is_nullable, c.is_generated
FROM information_schema.columns AS c JOIN information_schema.tables AS t
  ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE t.table_type = 'BASE TABLE' AND c.spanner_type <> 'TOKENLIST'
  AND c.table_schema NOT IN ('INFORMATION_SCHEMA', 'SPANNER_SYS')
ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""
KEYS_SQL = """
SELECT table_schema, table_name, column_name FROM information_schema.index_columns
WHERE index_type = 'PRIMARY_KEY'
ORDER BY table_schema, table_name, ordinal_position
"""
ANSWER_SECONDS = 15.0
_ADDRESS = re.compile(r"spanner:([^/]+)/([^/]+)/([^/]+)")

Row = Mapping[str, object]


def read_spanner(url: str) -> list[SourceTable]:
    """The base tables of a database in GoogleSQL.

    Raises:
        ConfigurationError: the address cannot be used, or there is no such database.
        UnreachableError: Spanner does not answer, or refuses the user.
    """
    found = _ADDRESS.fullmatch(url)
    if found is None:
        message = "`url` is no address of Spanner; expected spanner:PROJECT/INSTANCE/DATABASE"
        raise ConfigurationError(message)
    name = f"the Spanner database {'/'.join(found.groups())}"
    try:
        columns, keys = _asked(*found.groups())
    except exceptions.NotFound as error:
        message = f"{name} does not exist ({error.message}); check `url`"
        raise ConfigurationError(message) from error
    except exceptions.InvalidArgument as error:
        message = (
            f"{name} does not understand the question for its tables ({error.message}); a database "
            "of the PostgreSQL dialect is not read"
        )
        raise ConfigurationError(message) from error
    except (exceptions.PermissionDenied, google.auth.exceptions.GoogleAuthError) as error:
        message = (
            f"{name} refuses you: {error}; run `gcloud auth application-default login`, and have "
            "the role Cloud Spanner Database Reader"
        )
        raise UnreachableError(message) from error
    except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
        message = f"{name} does not answer: {error}; check `url` and the network"
        raise UnreachableError(message) from error
    return spanner_tables(columns, keys)


def spanner_tables(columns: Iterable[Row], keys: Iterable[Row]) -> list[SourceTable]:
    """The tables, from the rows of COLUMNS_SQL and KEYS_SQL."""
    by_table: dict[tuple[str, str], list[SourceColumn]] = {}
    for row in columns:
        name = (str(row["table_schema"]), str(row["table_name"]))
        by_table.setdefault(name, []).append(
            SourceColumn(
                name=str(row["column_name"]),
                source_type=str(row["spanner_type"]).lower(),
                nullable=row["is_nullable"] == "YES",
                generated=row["is_generated"] != "NEVER",
            )
        )
    key_of: dict[tuple[str, str], list[str]] = {}
    for row in keys:
        name = (str(row["table_schema"]), str(row["table_name"]))
        key_of.setdefault(name, []).append(str(row["column_name"]))
    return [
        SourceTable(
            schema=name[0],
            name=name[1],
            columns=tuple(found),
            primary_key=tuple(key_of.get(name, ())),
            dialect="spanner",
        )
        for name, found in by_table.items()
    ]


def _asked(project: str, instance: str, database: str) -> tuple[Sequence[Row], Sequence[Row]]:
    # Google's client takes seconds to load, and has no types.
    from google.cloud import spanner_v1

    module: Any = spanner_v1
    client = module.Client(project=project, disable_builtin_metrics=True)
    opened = client.instance(instance).database(database)
    # It is not closed: that waits for a thread of the client's, which sleeps ten minutes at a time.
    return _rows(opened, COLUMNS_SQL), _rows(opened, KEYS_SQL)


def _rows(database: Any, query: str) -> list[Row]:
    # The client asks a server that is away for ever, without this limit.
    retry: Any = Retry
    limit = retry(initial=0.25, maximum=4.0, timeout=ANSWER_SECONDS)
    with database.snapshot() as snapshot:
        answer = snapshot.execute_sql(query, retry=limit, timeout=ANSWER_SECONDS)
        rows = list(answer)
        return [
            dict(zip((field.name for field in answer.fields), row, strict=True)) for row in rows
        ]
