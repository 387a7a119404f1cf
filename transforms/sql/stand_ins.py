"""A job tried out without its servers: a recording in place of topics, files in place of sinks."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Collection, Mapping

from transforms.sql.connectors import JSON_OPTIONS, OptionValue, Role
from transforms.sql.connectors_plain import FILESYSTEM, RECORDING
from transforms.sql.errors import SqlError
from transforms.sql.tables import Table


@dataclasses.dataclass(frozen=True)
class StandIns:
    """What stands in for a job's servers; None leaves them as the script has them.

    recording: the folder of a recording, read by each table of a topic as that topic. files: the
    folder that gets a file of JSON lines for each sink of messages, named for its table.
    """

    recording: str | None = None
    files: str | None = None


def with_stand_ins(
    tables: Mapping[str, Table], sinks: Collection[str], stand_ins: StandIns
) -> dict[str, Table]:
    """The tables of a job, `sinks` those that it writes to. Raises SqlError."""
    replaced = dict(tables)
    for name, table in tables.items():
        if not table.connector.messages:
            continue
        if name in sinks and stand_ins.files is not None:
            replaced[name] = _file(table, stand_ins.files)
        is_read = name not in sinks and Role.SOURCE in table.connector.roles
        if is_read and stand_ins.recording is not None:
            replaced[name] = _recorded(table, stand_ins.recording)
    return replaced


def _recorded(table: Table, folder: str) -> Table:
    if table.connector.name == "pubsub":
        message = (
            f"{table.name} reads a subscription, and a recording stands in for topics of Kafka "
            "alone; leave out --recording"
        )
        raise SqlError(message, table.node.this)
    topic = str(table.options.get("topic", ""))
    if not topic or ";" in topic:
        message = (
            f"{table.name} reads several topics, and a recording stands in for one; name one topic"
        )
        raise SqlError(message, table.option_node("topic"))
    options: dict[str, OptionValue] = {
        "path": folder,
        "topic": topic,
        "value.format": table.options["value.format"],
        "debezium.deletes": table.options["debezium.deletes"],
    }
    return dataclasses.replace(table, connector=RECORDING, options=options)


def _file(table: Table, folder: str) -> Table:
    options: dict[str, OptionValue] = {
        option.name: table.options[option.name] for option in JSON_OPTIONS
    }
    options |= {"path": posixpath.join(folder, f"{table.name}.jsonl"), "format": "json"}
    return dataclasses.replace(table, connector=FILESYSTEM, options=options)
