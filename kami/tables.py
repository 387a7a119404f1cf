"""The tables of a source's dataset: their names, and their columns in BigQuery's types.

The pipelines write these tables and `kami` reads them; what they look like is said here alone.
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A column of a warehouse table: `type` as BigQuery's DDL has it, such as `NUMERIC(10, 2)`."""

    name: str
    type: str


MYSQL_SOURCE = (
    Column("version", "STRING"),
    Column("connector", "STRING"),
    Column("name", "STRING"),
    Column("ts_ms", "INT64"),
    Column("snapshot", "STRING"),
    Column("db", "STRING"),
    Column("table", "STRING"),
    Column("server_id", "INT64"),
    Column("gtid", "STRING"),
    Column("file", "STRING"),
    Column("pos", "INT64"),
    Column("row", "INT64"),
    Column("thread", "INT64"),
    Column("query", "STRING"),
)
POSTGRESQL_SOURCE = (
    Column("version", "STRING"),
    Column("connector", "STRING"),
    Column("name", "STRING"),
    Column("ts_ms", "INT64"),
    Column("snapshot", "STRING"),
    Column("db", "STRING"),
    Column("schema", "STRING"),
    Column("table", "STRING"),
    Column("txId", "INT64"),
    Column("lsn", "INT64"),
    Column("xmin", "INT64"),
)
AUDIT_SOURCE = (
    *(column for column in POSTGRESQL_SOURCE if column.name not in ("txId", "lsn", "xmin")),
    Column("updated_us", "INT64"),
    Column("revision", "INT64"),
)
SPANNER_SOURCE = (
    Column("version", "STRING"),
    Column("connector", "STRING"),
    Column("name", "STRING"),
    Column("ts_ms", "INT64"),
    Column("ts_us", "INT64"),
    Column("snapshot", "STRING"),
    Column("db", "STRING"),
    Column("schema", "STRING"),
    Column("table", "STRING"),
    Column("sequence", "STRING"),
    Column("mod_number", "INT64"),
    Column("project_id", "STRING"),
    Column("instance_id", "STRING"),
    Column("change_stream_name", "STRING"),
    Column("server_transaction_id", "STRING"),
    Column("transaction_tag", "STRING"),
    Column("is_system_transaction", "BOOL"),
)
SOURCE_LAYOUTS = {
    "mysql": MYSQL_SOURCE,
    "mariadb": MYSQL_SOURCE,
    "postgresql": POSTGRESQL_SOURCE,
    "audit_columns": AUDIT_SOURCE,
    "spanner": SPANNER_SOURCE,
}
"""The fields of a log's `source`, by the connector that its events come from."""
_TRANSACTION = "STRUCT<`id` STRING, `total_order` INT64, `data_collection_order` INT64>"


def struct_type(fields: tuple[Column, ...]) -> str:
    """BigQuery's STRUCT of these fields; names are quoted, since some are keywords."""
    return f"STRUCT<{', '.join(f'`{name}` {of}' for name, of in fields)}>"


def change_log_columns(source: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns of a change log or archive table; `source` is one of SOURCE_LAYOUTS.

    No column may be named `_partition`: BigQuery keeps names that start so for itself.
    """
    return (
        Column("_key", "STRING"),
        Column("key", "JSON"),
        Column("before", "JSON"),
        Column("after", "JSON"),
        Column("op", "STRING"),
        Column("ts_ms", "TIMESTAMP"),
        Column("transaction", _TRANSACTION),
        Column("database_name", "STRING"),
        Column("ddl", "STRING"),
        Column("source", struct_type(source)),
        Column("_order_key", "STRING"),
        Column("_event_id", "STRING"),
        Column("_ingested_at", "TIMESTAMP"),
        Column("_topic", "STRING"),
        Column("_topic_partition", "INT64"),
        Column("_offset", "INT64"),
        Column("_old_key", "JSON"),
        Column("_new_key", "JSON"),
        Column("_missing_columns", "ARRAY<STRING>"),
    )


SNAPSHOT_COLUMNS = (
    Column("_key", "STRING"),
    Column("_order_key", "STRING"),
    Column("_deleted", "BOOL"),
    Column("_snapshot_at", "TIMESTAMP"),
)
"""What a snapshot table has before the columns of the source's table."""

INCARNATIONS = (
    Column("source", "STRING"),
    Column("ordinal", "INT64"),
    Column("identity", "STRING"),
    Column("first_seen", "TIMESTAMP"),
    Column("added_by", "STRING"),
)
SNAPSHOTS = (
    Column("table_name", "STRING"),
    Column("anchor", "JSON"),
    Column("order_key", "STRING"),
    Column("xmax", "INT64"),
    Column("in_progress", "ARRAY<INT64>"),
    Column("taken_at", "TIMESTAMP"),
    Column("row_count", "INT64"),
    Column("state", "STRING"),
)
SNAPSHOT_ROWS = (
    Column("table_name", "STRING"),
    Column("row", "JSON"),
    Column("order_key", "STRING"),
    Column("taken_at", "TIMESTAMP"),
)
COMPACTIONS = (
    Column("table_name", "STRING"),
    Column("cut", "STRING"),
    Column("started_at", "TIMESTAMP"),
    Column("finished_at", "TIMESTAMP"),
    Column("archived_rows", "INT64"),
    Column("state", "STRING"),
)
DEAD_LETTERS = (
    Column("table_name", "STRING"),
    Column("topic", "STRING"),
    Column("topic_partition", "INT64"),
    Column("topic_offset", "INT64"),
    Column("order_key", "STRING"),
    Column("stage", "STRING"),
    Column("error", "STRING"),
    Column("payload", "STRING"),
    Column("at", "TIMESTAMP"),
)

BOOKKEEPING = {
    "_incarnations": INCARNATIONS,
    "_snapshots": SNAPSHOTS,
    "_snapshot_rows": SNAPSHOT_ROWS,
    "_compactions": COMPACTIONS,
    "_dead_letters": DEAD_LETTERS,
}
"""The tables of a dataset that belong to no single source table, by name."""

SCHEMA_CHANGES = "_schema_changes"
"""The name under which a source's DDL events are logged."""


def change_log_of(table: str) -> str:
    return f"{table}_change_log"


def snapshot_of(table: str) -> str:
    return f"{table}_snapshot"


def archive_of(table: str) -> str:
    return f"{table}_archive"


def history_of(table: str) -> str:
    return f"{table}_history"


def materialised_of(table: str) -> str:
    return f"{table}_materialised"


def warehouse_name(schema: str | None, table: str) -> str:
    """The name of a source table in its dataset; `schema` is None in MySQL."""
    return table if schema in (None, "public") else f"{schema}_{table}"
