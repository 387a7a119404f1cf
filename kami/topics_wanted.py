"""What a file of topics asks for: values that compare equal whatever line they stand on."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from kami.kafka_secret import Secret

CLUSTER = "kafka-cluster"
"""The one name that Kafka has for the resource of type cluster."""

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "topic": (
        "ALL",
        "READ",
        "WRITE",
        "CREATE",
        "DELETE",
        "ALTER",
        "DESCRIBE",
        "DESCRIBE_CONFIGS",
        "ALTER_CONFIGS",
    ),
    "group": ("ALL", "READ", "DELETE", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"),
    "cluster": (
        "ALL",
        "CREATE",
        "ALTER",
        "DESCRIBE",
        "CLUSTER_ACTION",
        "DESCRIBE_CONFIGS",
        "ALTER_CONFIGS",
        "IDEMPOTENT_WRITE",
    ),
    "transactional_id": ("ALL", "WRITE", "DESCRIBE"),
}
"""What Kafka ever asks for, by resource; it stores other operations, and they permit nothing."""


@dataclasses.dataclass(frozen=True)
class WantedTopic:
    """A topic.

    Args:
        partitions: how many; fewer than there are cannot be had.
        replication_factor: None: what the broker gives new topics.
        configs: (name, value); None: whatever the broker has for topics that say nothing.
        keyed: whether the order of changes of one key counts.
        place: FILE:LINE:COLUMN.
        places: of each config.
    """

    name: str
    partitions: int
    replication_factor: int | None = None
    configs: tuple[tuple[str, str | None], ...] = ()
    keyed: bool = True
    place: str = dataclasses.field(default="", compare=False)
    places: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False, repr=False)


@dataclasses.dataclass(frozen=True, order=True)
class Acl:
    """A rule of who may do what.

    Args:
        principal: `TYPE:NAME`.
        host: an IP address, or `*`.
        operation, permission: Kafka's names, in capitals.
        resource_type: a key of OPERATIONS.
        pattern: LITERAL, or PREFIXED for all names that begin so.
    """

    principal: str
    host: str
    operation: str
    permission: str
    resource_type: str
    name: str
    pattern: str

    def __str__(self) -> str:
        prefixed = "*" if self.pattern == "PREFIXED" else ""
        host = "" if self.host == "*" else f" from {self.host}"
        verb = "may" if self.permission == "ALLOW" else "may not"
        what = f"{self.resource_type} {self.name}{prefixed}"
        return f"{self.principal} {verb} {self.operation} {what}{host}"


@dataclasses.dataclass(frozen=True)
class WantedAcl:
    acl: Acl
    place: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class WantedUser:
    """A user's SCRAM credential for one mechanism.

    Args:
        password: where it is to be had; None only where nothing will be sent.
    """

    name: str
    mechanism: str
    iterations: int
    password: Secret | None = dataclasses.field(default=None, compare=False, repr=False)
    place: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a group is to begin in a partition.

    Args:
        value: of `time` milliseconds since 1970, of `offset` the offset.
    """

    kind: Literal["earliest", "latest", "time", "offset"]
    value: int = 0


EARLIEST, LATEST = Target("earliest"), Target("latest")


@dataclasses.dataclass(frozen=True)
class WantedOffset:
    """
    Args:
        partition: None: each partition that is not named on its own.
    """

    topic: str
    partition: int | None
    target: Target
    place: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class WantedGroup:
    name: str
    offsets: tuple[WantedOffset, ...]
    place: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class Managed:
    """Patterns (`*`, `?`, `[seq]`) of what the file is to name in full: the rest is drift."""

    topics: tuple[str, ...] = ()
    acls: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def covers_topic(self, name: str) -> bool:
        return _any(self.topics, name) and not _any(self.exclude, name)

    def covers_acl(self, acl: Acl) -> bool:
        return _any(self.acls, acl.principal) and not _any(self.exclude, acl.principal)

    def covers_user(self, name: str) -> bool:
        return _any(self.users, name) and not _any(self.exclude, name)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A whole file.

    Args:
        client: properties of the client library; values may be secret.
    """

    brokers: str = ""
    client: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    manage: Managed = dataclasses.field(default_factory=Managed)
    topics: tuple[WantedTopic, ...] = ()
    acls: tuple[WantedAcl, ...] = ()
    users: tuple[WantedUser, ...] = ()
    groups: tuple[WantedGroup, ...] = ()
    path: Path = Path("topics.yaml")
    client_places: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)


def _any(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
