"""The connector `bigquery`: a table of BigQuery, written to by its Storage Write API."""

from __future__ import annotations

import re
from collections.abc import Mapping

from transforms.sql.connectors import (
    JSON_OPTIONS,
    Connector,
    Option,
    OptionValue,
    Role,
    duration,
)
from transforms.sql.connectors_changes import DELETE_ON_OPTION, ORDER_KEY, wanted_of_deletes
from transforms.sql.connectors_kafka_sink import key_columns, names_of

SCHEMA_EVOLUTION = "sink.schema-evolution"
EVOLUTIONS = ("add", "ignore", "fail")
MODE, UPSERT, STALENESS = "sink.mode", "upsert", "sink.max-staleness"

_MOST_CLUSTERED = 4


def _project(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9:.-]+", value):
        message = "expected a project's id, such as 'my-project'"
        raise ValueError(message)
    return value


def _dataset(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]{1,1024}", value):
        message = "expected a dataset's name alone: letters, digits and underscores"
        raise ValueError(message)
    return value


def _table(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,1024}", value):
        message = "expected a table's name alone: letters, digits, underscores and dashes"
        raise ValueError(message)
    return value


def _clustering(value: str) -> str:
    if len(names_of(key_columns(value))) > _MOST_CLUSTERED:
        message = f"expected up to {_MOST_CLUSTERED} columns: BigQuery clusters by no more"
        raise ValueError(message)
    return value


def _wanted(options: Mapping[str, OptionValue]) -> tuple[str, ...]:
    """What is asked of change events where rows are changes: what they do, and their order."""
    if options.get(MODE) != UPSERT:
        return ()
    wanted = wanted_of_deletes(options)
    return wanted if ORDER_KEY in options else (*wanted, "order_key")


BIGQUERY = Connector(
    name="bigquery",
    help=(
        "A table of BigQuery, by the Storage Write API; every row is stored at least once, or "
        "changes the one with its PRIMARY KEY."
    ),
    roles=frozenset({Role.SINK}),
    options=(
        Option("project", "the id of the table's project", _project, required=True),
        Option("dataset", "the table's dataset", _dataset, required=True),
        Option("table", "the table's name", _table, required=True),
        Option(
            "create",
            "whether the table, and its dataset, are made where they are not there",
            default="if-needed",
            choices=("if-needed", "never"),
        ),
        Option(
            "location",
            "where the dataset is made, such as EU; BigQuery's default if it is not given",
        ),
        Option(
            "partition-by",
            "the DATE, TIMESTAMP or TIMESTAMP_LTZ column whose days are the partitions of a table "
            "that is made",
        ),
        Option(
            "cluster-by",
            "up to four columns that a table which is made is clustered by, separated by ';', the "
            "most important one first",
            _clustering,
        ),
        Option(
            "json-columns",
            "the columns that are of BigQuery's type JSON, separated by ';': a STRING holds JSON "
            "text already, a ROW or an ARRAY becomes JSON",
            key_columns,
        ),
        Option(
            MODE,
            "what becomes of a row: it is appended, or changes the one with the same PRIMARY KEY",
            default="append",
            choices=("append", UPSERT),
        ),
        DELETE_ON_OPTION,
        Option(
            ORDER_KEY,
            "of the mode upsert: the column, a STRING of up to four hexadecimal numbers with / "
            "between them, that orders the changes of a key; if it is not given, the order key of "
            "the change event does",
        ),
        Option(
            STALENESS,
            "of the mode upsert: how old what a query sees may be, of a table that is made; 0 if "
            "it is not given: each query applies the changes that wait",
            duration,
        ),
        Option(
            SCHEMA_EVOLUTION,
            "what is done for columns that the table lacks: add them to it, ignore them (rows are "
            "stored without), or fail before a record is read; --schema_evolution overrides it",
            default="fail",
            choices=EVOLUTIONS,
        ),
        Option(
            "sink.retry-timeout",
            "how long rows are sent again while BigQuery does not take them",
            duration,
            600.0,
        ),
        *JSON_OPTIONS,
    ),
    aliases={"project-name": "project"},
    messages=True,
    typed=True,
    wants=_wanted,
)
