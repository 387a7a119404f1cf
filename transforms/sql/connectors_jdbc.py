"""The connector `jdbc`: a table of a database, to look things up in or to write to."""

from __future__ import annotations

from collections.abc import Mapping

from transforms.sql.connectors import (
    JSON_OPTIONS,
    Connector,
    Option,
    OptionValue,
    Role,
    boolean,
    duration,
    positive_integer,
    positive_number,
    whole_number,
)
from transforms.sql.connectors_changes import (
    DELETE_ON,
    DELETE_ON_OPTION,
    ORDER_KEY,
    wanted_of_deletes,
)

__all__ = ["DELETED", "DELETE_ON", "JDBC", "ORDER_KEY"]

DELETED = "sink.deleted-column"


def _wanted(options: Mapping[str, OptionValue]) -> tuple[str, ...]:
    """What is asked of change events: whether they delete, and their order."""
    wanted = wanted_of_deletes(options)
    return (*wanted, "order_key") if ORDER_KEY in options else wanted


JDBC = Connector(
    name="jdbc",
    help=(
        "A table of a database; its address is SQLAlchemy's or JDBC's. A lookup asks it by key; a "
        "sink updates rows by the PRIMARY KEY of its declaration, and without one inserts all."
    ),
    roles=frozenset({Role.LOOKUP, Role.SINK}),
    options=(
        Option("url", "the database's address", required=True),
        Option("table-name", "the table, with its schema if need be", required=True),
        Option("username", "the user; part of the address if not given"),
        Option("password", "a reference: env://NAME, file://PATH or secret://...", secret=True),
        Option("lookup.cache.ttl", "how long a row found stays known", duration, 60.0),
        Option("lookup.cache.max-rows", "rows kept at most", positive_integer, 100_000),
        Option("lookup.cache.caching-missing-key", "whether misses are kept too", boolean, True),
        Option("lookup.max-retries", "tries after a failed query", whole_number, 7),
        Option("lookup.max-queries-per-second", "a limit for the database", positive_number),
        DELETE_ON_OPTION,
        Option(
            ORDER_KEY,
            "the table's column that orders the rows of a key, so that no older row is written "
            "over a newer one; if the sink does not declare it, it gets the order key of the "
            "change event",
        ),
        Option(
            DELETED,
            "the table's column (BOOLEAN) that marks deleted rows, which stay in the table then; "
            "the sink does not declare it",
        ),
        Option(
            "sink.buffer-flush.max-rows", "rows of a transaction at most", positive_integer, 5_000
        ),
        Option(
            "sink.buffer-flush.interval",
            "taken for scripts that set it: rows are stored at the end of a bundle at the latest",
            duration,
        ),
        Option("sink.max-retries", "tries after a failed transaction", whole_number, 7),
        *JSON_OPTIONS,
    ),
    messages=True,
    typed=True,
    wants=_wanted,
)
