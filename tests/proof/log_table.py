"""The log rows of a history as the change log pipeline would write them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from kami.keys import key_text
from tests.proof.connector import Record
from tests.proof.ordering import Appended
from tests.proof.source_log import Flavour
from tests.proof.source_rows import Key, Row
from transforms.change_log_write import LOGS

_MIDNIGHT = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)

LogRow = dict[str, Any]


def log_rows(flavour: Flavour, name: str, appended: Sequence[Appended]) -> list[LogRow]:
    """A row each, by the columns of the change log."""
    return [
        _log_row(flavour, name, record, key, bundle.tick)
        for bundle in appended
        for record, key in zip(bundle.records, bundle.keys, strict=True)
    ]


def log_table(flavour: Flavour, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """The rows in the types that the change log pipeline writes."""
    schema = LOGS["postgresql" if flavour == "postgresql" else "mysql"]
    columns = [
        pa.array([row[name] for row in rows], schema.field(name).type) for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def row_json(row: Row, *, has_extra: bool, missing: Sequence[str] = ()) -> str:
    """The row as the log's JSON has it: without columns that the event does not say."""
    values = row._asdict() | {"amount": f"{row.amount:.2f}"}
    left_out = (*missing, *(() if has_extra else ("extra",)))
    return _json({name: value for name, value in values.items() if name not in left_out})


def _log_row(flavour: Flavour, name: str, record: Record, order_key: str, tick: float) -> LogRow:
    change = record.change
    connector = "postgresql" if flavour == "postgresql" else "mysql"
    moment = datetime.datetime.fromtimestamp(record.ts_ms / 1000, datetime.timezone.utc)
    before = None
    if change.before is not None:
        before = row_json(change.before, has_extra=change.has_extra)
        if connector == "postgresql":
            # The default replica identity tells the key of a deleted row, and no more.
            before = _json(change.before.key._asdict()) if change.op == "d" else None
    after = change.after
    return {
        "_key": None if change.key is None else key_text(change.key._asdict()),
        "key": _key_json(change.key),
        "before": before,
        "after": after and row_json(after, has_extra=change.has_extra, missing=change.missing),
        "op": change.op,
        "ts_ms": moment,
        "transaction": None,
        "database_name": None,
        "ddl": None,
        "source": {
            "version": "3.5.0.Final",
            "connector": connector,
            "name": name,
            "snapshot": record.snapshot,
            "db": "shop",
            "table": "items",
            **record.source,
        },
        "_order_key": order_key,
        "_event_id": f"{name}/{record.event}",
        "_ingested_at": _MIDNIGHT + datetime.timedelta(seconds=tick),
        "_topic": "shop.items",
        "_topic_partition": record.partition,
        "_offset": record.offset,
        "_old_key": _key_json(change.old_key),
        "_new_key": _key_json(change.new_key),
        "_missing_columns": list(change.missing),
    }


def _key_json(key: Key | None) -> str | None:
    return None if key is None else _json(key._asdict())


def _json(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
