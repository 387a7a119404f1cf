"""The settings of every Debezium connector that kami renders, each with its reason.

docs/kami_connectors.md has them as tables; a test holds the two together.
"""

from __future__ import annotations

from typing import NamedTuple


class Setting(NamedTuple):
    """A setting with the value that it has unless `config` says otherwise."""

    key: str
    value: str
    why: str


SOURCE = (
    Setting("tasks.max", "1", "a database's log is one stream"),
    Setting("time.precision.mode", "adaptive_time_microseconds", "no time loses digits"),
    Setting("decimal.handling.mode", "precise", "decimals are exact"),
    Setting("binary.handling.mode", "bytes", "bytes come as they are"),
    Setting("skipped.operations", "none", "Debezium leaves truncates out by default"),
    Setting("tombstones.on.delete", "true", "a compacted topic forgets deleted rows by them"),
    Setting(
        "provide.transaction.metadata",
        "true",
        "a change knows its place in the transaction; event ids use it",
    ),
    Setting("schema.name.adjustment.mode", "avro", "a prefix or schema with - has a name in Avro"),
    Setting("event.processing.failure.handling.mode", "fail", "a change that cannot be read stops"),
    Setting("errors.tolerance", "none", "a change that cannot be written stops"),
    Setting("errors.retry.timeout", "300000", "a registry that is away is asked for five minutes"),
    Setting("errors.log.enable", "true", "the worker's log says at which record it stopped"),
    Setting("errors.log.include.messages", "false", "rows have no place in logs"),
    Setting(
        "errors.max.retries",
        "30",
        "an error that comes again and again ends the task, and `kami connectors status` shows it; "
        "by default it never does",
    ),
    Setting("retriable.restart.connector.wait.ms", "10000", "the wait between tries"),
    Setting("max.batch.size", "4096", "twice Debezium's: fewer and larger requests to Kafka"),
    Setting("max.queue.size", "16384", "four batches wait while one is sent"),
    Setting("max.queue.size.in.bytes", "134217728", "large rows cannot fill the worker's memory"),
    Setting("poll.interval.ms", "100", "a change is on its way after a tenth of a second"),
    Setting(
        "heartbeat.interval.ms",
        "10000",
        "the offset moves on while the captured tables rest: the log is not kept for nothing",
    ),
    Setting("incremental.snapshot.chunk.size", "4096", "fewer pauses of the stream than with 1024"),
)
BINLOG = (
    Setting("bigint.unsigned.handling.mode", "precise", "numbers above 2^63-1 stay positive"),
    Setting("include.schema.changes", "true", "the god view follows renamed columns by them"),
    Setting(
        "inconsistent.schema.handling.mode",
        "fail",
        "a change that fits no known table stops",
    ),
    Setting(
        "schema.history.internal.skip.unparseable.ddl",
        "false",
        "after a statement that is skipped, rows may be read with wrong columns",
    ),
    Setting(
        "schema.history.internal.store.only.captured.tables.ddl",
        "false",
        "a table that is added later is known already",
    ),
    Setting("connect.keep.alive", "true", "a connection that is cut is noticed"),
    # MySqlErrorHandler and MariaDbErrorHandler of Debezium 3.1 to 3.5 ask whether null can be
    # tried again (dbz#2611), so each lost connection would end the task.
    Setting(
        "internal.custom.retriable.exception",
        r"(?s).*(Failed to read (next byte|remaining )|Communications link failure|"
        r"Connection (refused|reset|timed out)|Read timed out|Broken pipe|Socket (is )?closed).*",
        "a connection that is cut is opened again; Debezium 3.1 to 3.5 ends the task at it",
    ),
)
POSTGRESQL = (
    Setting("plugin.name", "pgoutput", "the server brings it"),
    Setting(
        "publication.autocreate.mode",
        "filtered",
        "the publication has the captured tables alone, and follows their list",
    ),
    Setting("slot.drop.on.stop", "false", "changes are kept while the connector is stopped"),
)
SINK = (
    Setting("tasks.max", "1", "with more, partitions are written side by side"),
    Setting("insert.mode", "upsert", "a record that is delivered again changes nothing"),
    Setting("primary.key.mode", "record_key", "a row is found by the key of its record"),
    Setting("delete.enabled", "true", "deleted rows are deleted; a tombstone says so"),
    Setting("truncate.enabled", "true", "an emptied table is emptied"),
    Setting("schema.evolution", "none", "tables are made and changed by their owners"),
    Setting("quote.identifiers", "true", "names keep their case, and reserved words are names"),
    Setting("use.time.zone", "UTC", "Debezium's times are in UTC"),
    Setting("errors.tolerance", "none", "a record that cannot be written stops"),
    Setting("errors.retry.timeout", "300000", "a registry that is away is asked for five minutes"),
    Setting("errors.log.enable", "true", "the worker's log says at which record it stopped"),
    Setting("errors.log.include.messages", "false", "rows have no place in logs"),
    Setting(
        "connection.restart.on.errors",
        "true",
        "a lost connection is opened again, as often as flush.max.retries says",
    ),
    Setting("flush.max.retries", "30", "a database may be away for half a minute"),
)


def values(settings: tuple[Setting, ...]) -> dict[str, str]:
    """The settings by name."""
    return {setting.key: setting.value for setting in settings}
