"""A primary key that is another one than the log's: rows would be there under two keys."""

from __future__ import annotations

import json

from kami import tables
from kami.context import ConfiguredTable
from kami.errors import ConfigurationError
from kami.warehouse import Warehouse, table_sql


def refuse_changed_key(warehouse: Warehouse, table: ConfiguredTable) -> None:
    """Raises ConfigurationError when the newest change is keyed by other columns than the schema's.

    Changes without any key are refused too, for a table that is said to have one.
    """
    if not table.key:
        return
    log = table_sql(table.dataset, tables.change_log_of(table.name))
    row = warehouse.query(
        "SELECT MAX_BY(STRUCT(TO_JSON_STRING(key) AS key), _order_key).key AS newest, "  # noqa: S608
        f"COUNTIF(_key IS NULL) AS keyless FROM {log} WHERE op IN ('c', 'u', 'd', 'r')"
    ).to_pylist()[0]
    if row["keyless"]:
        message = (
            f"{table.full_name}: {row['keyless']} changes of the log have no key, though "
            f"its key is {', '.join(table.key)}; set Debezium's message.key.columns for this "
            "table, and take a new log and snapshot of it"
        )
        raise ConfigurationError(message)
    newest = json.loads(row["newest"] or "null")
    if isinstance(newest, dict) and set(newest) != set(table.key):
        message = (
            f"{table.full_name}: its key is {', '.join(table.key)}, and the newest change of the "
            f"log is keyed by {', '.join(newest)}: rows would be there twice. When the primary key "
            "has changed, move the log and the snapshot away and take a new snapshot; else mend "
            "the DDL or `key`"
        )
        raise ConfigurationError(message)
