"""The connector `spanner`: a table of Spanner, written to by mutations."""

from __future__ import annotations

import re

from transforms.sql.connectors import (
    JSON_OPTIONS,
    Connector,
    Option,
    Role,
    duration,
    positive_integer,
)
from transforms.sql.connectors_changes import DELETE_ON, ORDER_KEY
from transforms.sql.connectors_jdbc import DELETED, JDBC


def _project(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9:.-]+", value):
        message = "expected a project's id, such as 'my-project'"
        raise ValueError(message)
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        message = "expected its name alone: letters, digits, dashes and underscores"
        raise ValueError(message)
    return value


def _table(value: str) -> str:
    if not re.fullmatch(r"([A-Za-z][A-Za-z0-9_]*\.)?[A-Za-z][A-Za-z0-9_]*", value):
        message = "expected a table's name, with its schema if need be"
        raise ValueError(message)
    return value


SPANNER = Connector(
    name="spanner",
    help=(
        "A table of Spanner; rows are inserted or updated by its primary key, which the PRIMARY "
        "KEY of the declaration names."
    ),
    roles=frozenset({Role.SINK}),
    options=(
        Option("project", "the id of the instance's project", _project, required=True),
        Option("instance", "the instance", _name, required=True),
        Option("database", "the database, in GoogleSQL", _name, required=True),
        Option("table", "the table, with its schema if need be", _table, required=True),
        # What becomes of a row is told in the same words as for any other database.
        *(one for one in JDBC.options if one.name in (DELETE_ON, ORDER_KEY, DELETED)),
        Option(
            "sink.buffer-flush.max-rows",
            "rows of a commit at most; fewer where Spanner's limits of a commit ask for it",
            positive_integer,
            1_000,
        ),
        Option(
            "sink.retry-timeout",
            "how long a commit is done again while Spanner is away or aborts it",
            duration,
            120.0,
        ),
        *JSON_OPTIONS,
    ),
    messages=True,
    typed=True,
    wants=JDBC.wants,
)
