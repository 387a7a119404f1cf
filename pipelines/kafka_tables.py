"""Tables of the connector kafka: their options as a cluster, a source and a schema registry."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pipeline_io.kafka_cluster import KafkaCluster
from pipeline_io.kafka_errors import KafkaConfigError
from pipeline_io.kafka_source import KafkaSource, Start, StartMode, Uncommitted
from pipeline_io.schema_registry import SchemaRegistry
from transforms.sql.connectors import OptionValue
from transforms.sql.connectors_kafka import parse_specific_offsets
from transforms.sql.errors import SqlError
from transforms.sql.tables import Table

PREFIX = "properties."
REGISTRY = "schema-registry."
_BY_ITSELF = ("bootstrap.servers", "group.id", "auto.offset.reset")

_MODES = {
    "earliest-offset": StartMode.EARLIEST,
    "latest-offset": StartMode.LATEST,
    "group-offsets": StartMode.COMMITTED,
    "timestamp": StartMode.TIMESTAMP,
    "specific-offsets": StartMode.OFFSETS,
}


@dataclasses.dataclass(frozen=True)
class KafkaRun:
    """How a run reads Kafka, from its flags; what is None is as the table says.

    Args:
        follow: go on for ever; else up to the end that the topics have now.
        repeated: one of a row of such runs, by which a job goes on where none runs for ever.
        start: earliest, latest, committed, timestamp:MILLISECONDS.
        keeps_positions: the runner itself knows after a restart what was read, as Flink does from
            its checkpoints.
    """

    follow: bool = False
    repeated: bool = False
    brokers: str | None = None
    group: str | None = None
    start: str | None = None
    keeps_positions: bool = False
    batch_size: int = 5_000


def kafka_cluster(options: Mapping[str, OptionValue], brokers: str | None = None) -> KafkaCluster:
    """The cluster of a table, be it source or sink. Raises KafkaConfigError."""
    properties = {
        name.removeprefix(PREFIX): str(value)
        for name, value in options.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in _BY_ITSELF
    }
    return KafkaCluster(brokers or str(options[f"{PREFIX}bootstrap.servers"]), properties)


def kafka_source(table: Table, run: KafkaRun) -> KafkaSource:
    """What a table reads. Asks nobody. Raises SqlError at the option that does not fit."""
    options = table.options
    topics = tuple(name.strip() for name in str(options.get("topic", "")).split(";") if name)
    pattern = options.get("topic-pattern")
    if bool(topics) == (pattern is not None):
        message = "a table of Kafka has either 'topic' or 'topic-pattern'"
        raise SqlError(message, table.option_node("topic"))
    group = run.group or _text(options.get(f"{PREFIX}group.id"))
    bounded = _bounded(table, run)
    start = _start(table, run, group)
    _check_safe(table, run, start, group, bounded=bounded)
    discovery = float(options["scan.topic-partition-discovery.interval"])
    try:
        return KafkaSource(
            kafka_cluster(options, run.brokers),
            topics,
            _text(pattern),
            group,
            start,
            bounded=bounded,
            batch_size=run.batch_size,
            readers=int(options["scan.parallelism"]),
            discovery_seconds=discovery or None,
            stall_seconds=float(options["scan.stall-timeout"]),
        )
    except KafkaConfigError as error:
        raise SqlError(str(error), table.node.this) from error


def _text(value: OptionValue | None) -> str | None:
    return None if value is None else str(value)


def _bounded(table: Table, run: KafkaRun) -> bool:
    mode = table.options.get("scan.bounded.mode")
    if mode == "latest-offset" and run.follow:
        message = "'scan.bounded.mode' = 'latest-offset' ends, and --follow does not; leave out one"
        raise SqlError(message, table.option_node("scan.bounded.mode"))
    return not run.follow and mode != "unbounded"


def _start(table: Table, run: KafkaRun, group: str | None) -> Start:
    options = table.options
    reset = options.get(f"{PREFIX}auto.offset.reset")
    uncommitted = Uncommitted(str(reset)) if reset is not None else Uncommitted.EARLIEST
    if run.start is not None:
        try:
            start = Start.parse(run.start)
        except KafkaConfigError as error:
            message = f"--kafka_start={run.start}: {error}"
            raise SqlError(message, table.option_node("scan.startup.mode")) from error
        return dataclasses.replace(start, uncommitted=uncommitted)
    default = "group-offsets" if group is not None else "earliest-offset"
    mode = str(options.get("scan.startup.mode", default))
    millis = _of_mode(table, mode, "timestamp", "scan.startup.timestamp-millis")
    offsets = _of_mode(table, mode, "specific-offsets", "scan.startup.specific-offsets")
    if reset is not None and mode != "group-offsets":
        message = (
            f"'properties.auto.offset.reset' is of the start 'group-offsets'; this one is {mode!r}"
        )
        raise SqlError(message, table.option_node(f"{PREFIX}auto.offset.reset"))
    return Start(
        _MODES[mode],
        timestamp_millis=None if millis is None else int(millis),
        offsets={} if offsets is None else parse_specific_offsets(str(offsets)),
        uncommitted=uncommitted,
    )


def _of_mode(table: Table, mode: str, needed_by: str, name: str) -> OptionValue | None:
    """The option of a start mode, there if and only if the mode is. Raises SqlError."""
    value = table.options.get(name)
    if (mode == needed_by) != (value is not None):
        message = f"'scan.startup.mode' = '{needed_by}' and {name!r} belong together; " + (
            f"add {name!r}" if value is None else f"the mode is {mode!r}"
        )
        raise SqlError(message, table.option_node(name if value is not None else "topic"))
    return value


def _check_safe(
    table: Table, run: KafkaRun, start: Start, group: str | None, *, bounded: bool
) -> None:
    """Refuses what would lose records without a word. Raises SqlError."""
    place = table.option_node("scan.startup.mode")
    if start.mode is StartMode.COMMITTED and group is None:
        message = (
            "the start 'group-offsets' needs a group: add 'properties.group.id' (--kafka_group)"
        )
        raise SqlError(message, place)
    if start.mode is not StartMode.LATEST:
        return
    if bounded and not run.repeated:
        message = (
            "the start 'latest-offset' with an end at the latest records reads nothing; choose "
            "'earliest-offset' or 'group-offsets', or follow the topics (--follow)"
        )
        raise SqlError(message, place)
    if not run.keeps_positions:
        message = (
            "the start 'latest-offset' on a runner without checkpoints loses at each restart what "
            "came in between; choose 'group-offsets' with 'properties.auto.offset.reset' = "
            "'latest': the first start is at the latest records, the next ones where it ended"
        )
        raise SqlError(message, place)


def schema_registry(table: Table) -> SchemaRegistry:
    """The registry of a table. Raises SqlError."""
    options = table.options
    url = options.get(f"{REGISTRY}url")
    if url is None:
        message = (
            f"the format {options.get('value.format')!r} needs the registry that has the writers' "
            "schemas: add 'schema-registry.url'"
        )
        raise SqlError(message, table.node.this)

    try:
        return registry_at(str(url), options)
    except ValueError as error:
        raise SqlError(str(error), table.option_node(f"{REGISTRY}url")) from error


def registry_at(url: str, options: Mapping[str, OptionValue]) -> SchemaRegistry:
    """The registry at an address, asked as the options schema-registry.* say. Raises ValueError."""

    def given(name: str) -> str | None:
        return _text(options.get(f"{REGISTRY}{name}"))

    return SchemaRegistry.from_text(
        url,
        username=given("username"),
        password=given("password"),
        bearer_token=given("bearer-auth.token"),
        google_token=bool(options.get(f"{REGISTRY}google-token")),
        ca=given("ssl.truststore.location"),
        certificate=given("ssl.keystore.location"),
        key=given("ssl.key.location"),
        key_password=given("ssl.key.password"),
    )
