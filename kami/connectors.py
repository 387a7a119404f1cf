"""Connectors of Kafka Connect as code: what connectors.yaml says, checked."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from kami.connectors_references import OwnSecret, Secret
from kami.connectors_tables import TableName

Value: TypeAlias = "str | Secret"
"""A setting: its text, which may hold references that Connect itself resolves, or a secret that
kami would have to send."""


@dataclasses.dataclass(frozen=True)
class ConnectAddress:
    """Where Connect's REST API is, and who asks.

    Args:
        owns: patterns of the names of connectors for which the file is answerable: what matches
            and is not in the file may be deleted.
        certificate: of the client; `key` belongs to it.
    """

    url: str
    username: str | None = None
    password: OwnSecret | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    owns: tuple[str, ...] = ()

    def is_owned(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.owns)


@dataclasses.dataclass(frozen=True)
class Signals:
    """How an incremental snapshot is asked for.

    Args:
        table: the table that the connector looks into.
        topic: the topic of Kafka that it reads.
        url: SQLAlchemy's address of the database for `table`, from where kami runs.
    """

    table: TableName | None
    topic: str | None
    url: OwnSecret | None = None


@dataclasses.dataclass(frozen=True)
class Definition:
    """A connector as it is to be.

    Args:
        kind: `mysql`, `mariadb`, `postgresql`, `jdbc_sink` or `other`.
        settings: all of its settings, by name, `name` and `connector.class` among them.
        place: FILE:LINE:COLUMN where it is defined.
        tables: of the captured tables, the pattern of `table.include.list` and the name.
        god_view: whether its topics are to give exact god views.
    """

    name: str
    kind: str
    settings: Mapping[str, Value]
    place: str
    tables: Mapping[str, TableName] = dataclasses.field(default_factory=dict)
    signals: Signals | None = None
    god_view: bool = True

    @property
    def config(self) -> dict[str, str]:
        """The settings as Connect takes them; in the places of secrets their references."""
        return {
            key: value.written if isinstance(value, Secret) else value
            for key, value in sorted(self.settings.items())
        }

    @property
    def secrets(self) -> dict[str, Secret]:
        """The settings that Connect does not resolve by itself."""
        return {key: value for key, value in self.settings.items() if isinstance(value, Secret)}

    @property
    def topic_prefix(self) -> str:
        return self.config["topic.prefix"]


@dataclasses.dataclass(frozen=True)
class Connectors:
    """The whole file.

    Args:
        kafka: of the producer by which kami sends signals to a topic, as librdkafka names its
            settings, the brokers aside.
        brokers: None without `kafka`.
    """

    path: Path
    connect: ConnectAddress
    definitions: tuple[Definition, ...]
    brokers: str | None = None
    kafka: Mapping[str, OwnSecret] = dataclasses.field(default_factory=dict)
