"""The options of a table that reads Kafka, by Flink's names."""

from __future__ import annotations

from collections.abc import Mapping

from transforms.sql.connectors import (
    SOURCE_FORMATS,
    Option,
    boolean,
    duration,
    positive_integer,
    whole_number,
)
from transforms.sql.connectors_kafka_records import RECORD_OPTIONS

HELP = "Topics of Kafka."

PREFIXES = ("properties.",)
"""What begins so is taken as it is: a property of Kafka's clients. Unknown ones are refused when
the cluster is configured."""

START_MODES = (
    "earliest-offset",
    "latest-offset",
    "group-offsets",
    "timestamp",
    "specific-offsets",
)
BOUNDED_MODES = ("unbounded", "latest-offset")


def specific_offsets(value: str) -> str:
    """The text of offsets by partition, checked: 'partition:0,offset:42;partition:1,offset:300'."""
    parse_specific_offsets(value)
    return value


def parse_specific_offsets(value: str) -> dict[int, int]:
    """Offsets by partition. Raises ValueError."""
    offsets: dict[int, int] = {}
    for part in value.strip().strip(";").split(";"):
        fields = dict(field.strip().partition(":")[::2] for field in part.split(","))
        partition, offset = fields.get("partition", ""), fields.get("offset", "")
        if len(fields) != 2 or not partition.isdecimal() or not offset.isdecimal():
            message = "expected offsets such as 'partition:0,offset:42;partition:1,offset:300'"
            raise ValueError(message)
        if int(partition) in offsets:
            message = f"partition {partition} is given twice"
            raise ValueError(message)
        offsets[int(partition)] = int(offset)
    return offsets


REGISTRY_OPTIONS = (
    Option(
        "schema-registry.url",
        "the registry that has the writers' schemas, its replicas separated by commas",
    ),
    Option("schema-registry.username", "the user for the registry"),
    Option("schema-registry.password", "a reference to the password", secret=True),
    Option("schema-registry.bearer-auth.token", "a reference to a token", secret=True),
    Option(
        "schema-registry.google-token",
        "show the registry the token of the Google account that the job runs as",
        read=boolean,
        default=False,
    ),
    Option("schema-registry.ssl.truststore.location", "whom to trust, a PEM file"),
    Option("schema-registry.ssl.keystore.location", "the client's certificate, a PEM file"),
    Option("schema-registry.ssl.key.location", "its key, a PEM file; in the certificate's if not"),
    Option("schema-registry.ssl.key.password", "a reference to the key's password", secret=True),
)

SOURCE_OPTIONS = (
    Option("topic", "the topics, separated by semicolons; or 'topic-pattern'"),
    Option("topic-pattern", "a regular expression that the whole name of each topic matches"),
    Option("properties.bootstrap.servers", "the brokers, HOST:PORT[,HOST:PORT]", required=True),
    Option("properties.group.id", "for whom offsets are committed, once the sinks have the data"),
    Option(
        "properties.auto.offset.reset",
        "where to start in a partition for which the group has committed nothing; earliest if not "
        "given, since to lose records is worse than to read them twice",
        choices=("earliest", "latest", "none"),
    ),
    Option(
        "scan.startup.mode",
        "where to start; group-offsets if there is a group, else earliest-offset",
        choices=START_MODES,
    ),
    Option(
        "scan.startup.timestamp-millis",
        "of the mode timestamp: milliseconds since 1970-01-01 UTC",
        read=whole_number,
    ),
    Option(
        "scan.startup.specific-offsets",
        "of the mode specific-offsets: 'partition:0,offset:42;partition:1,offset:300'",
        read=specific_offsets,
    ),
    Option(
        "scan.bounded.mode",
        "where to end: at the end that the topics have now, or never; --follow says it if not",
        choices=BOUNDED_MODES,
    ),
    Option(
        "scan.topic-partition-discovery.interval",
        "how often to look for new partitions and topics; '0 s' is never",
        read=duration,
        default=300.0,
    ),
    Option(
        "scan.stall-timeout",
        "how long brokers may stay silent until the job stops with an error",
        read=duration,
        default=300.0,
    ),
    Option("scan.parallelism", "how many readers share the partitions", positive_integer, 1),
    *RECORD_OPTIONS,
    *REGISTRY_OPTIONS,
)


def _aliases() -> Mapping[str, str]:
    """Flink names the registry's options by the format, with value. if value.format is given."""
    names = [option.name.removeprefix("schema-registry.") for option in REGISTRY_OPTIONS]
    aliases = {"format": "value.format"}
    for format_ in SOURCE_FORMATS:
        for prefix in (f"{format_}.", f"value.{format_}."):
            aliases.update({prefix + name: f"schema-registry.{name}" for name in names})
            aliases[f"{prefix}schema-registry.url"] = "schema-registry.url"
    return aliases


ALIASES = _aliases()
