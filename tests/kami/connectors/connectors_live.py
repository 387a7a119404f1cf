"""A connectors.yaml for the real Connect, the command run on it, and what came into topics."""

from __future__ import annotations

import functools
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastavro
import httpx
import yaml
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, Message

from kami.cli import main
from tests.stack.databases import Database, fresh_name
from tests.stack.servers import Connect, Kafka, Registry

PATIENCE_SECONDS = 60
SIGNALS = "id VARCHAR(42) PRIMARY KEY, type VARCHAR(32) NOT NULL, data VARCHAR(2048)"


class LiveConnectors:
    """A file of connectors, and the worker that it is for.

    Args:
        prefix: of the names of its connectors; the file is answerable for those.
    """

    def __init__(self, folder: Path, connect: Connect, kafka: Kafka, registry: Registry) -> None:
        self.prefix = fresh_name("kami")
        self._path = folder / "connectors.yaml"
        self._connect, self._kafka, self._registry = connect, kafka, registry
        self.registry_url = registry.url

    def write(self, *definitions: dict[str, Any]) -> None:
        """Writes the file."""
        file = {
            "connect": {"url": self._connect.url, "owns": [f"{self.prefix}*"]},
            "registry": {"url": self.registry_url},
            "kafka": {"brokers": self._kafka.brokers},
            "topics": {"partitions": 1, "replication": 1},
            "connectors": list(definitions),
        }
        self._path.write_text(yaml.safe_dump(file), encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        """`kami connectors ...`"""
        return CliRunner().invoke(
            main, ["connectors", *arguments, "--config", str(self._path)], catch_exceptions=False
        )

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What the command prints of the test's connectors, and its exit code in each row.

        Others, which the file does not own, are there too: those of a bank that other tests have.
        """
        result = self.run(*arguments, "--output", "json")
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        return [
            {**row, "exit": result.exit_code}
            for row in rows
            if row["connector"].startswith(self.prefix)
        ]

    def ask(self, method: str, path: str) -> httpx.Response:
        """A request of somebody else's."""
        return httpx.request(method, self._connect.url + path, timeout=30, trust_env=False)

    def changes(self, topic: str, count: int) -> list[dict[str, Any]]:
        """The first changes of a topic, waiting until there are so many."""
        found: list[dict[str, Any]] = []
        for message in self._messages(topic):
            if (value := message.value()) is not None:
                found.append(self._decoded(value))
            if len(found) == count:
                break
        return found

    def first_key(self, topic: str) -> dict[str, Any]:
        """The key of a topic's first record."""
        key = next(self._messages(topic)).key()
        assert isinstance(key, bytes)
        return self._decoded(key)

    def close(self) -> None:
        """Deletes the connectors."""
        for name in self.ask("GET", "/connectors").json():
            if name.startswith(self.prefix):
                self.ask("DELETE", f"/connectors/{name}")

    def _messages(self, topic: str) -> Iterator[Message]:
        consumer = Consumer(
            {
                "bootstrap.servers": self._kafka.brokers,
                "group.id": fresh_name("reader"),
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 500,
            }
        )
        try:
            consumer.subscribe([topic])
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline:
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    yield message
        finally:
            consumer.close()

    def _decoded(self, value: bytes) -> dict[str, Any]:
        schema = self._schema(int.from_bytes(value[1:5], "big"))
        found: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
        return dict(found)

    @functools.cache  # noqa: B019  (one object a test)
    def _schema(self, number: int) -> Any:
        url = f"{self._registry.url}/schemas/ids/{number}"
        response = httpx.get(url, timeout=30, trust_env=False).raise_for_status()
        return fastavro.parse_schema(json.loads(response.json()["schema"]))


def of_database(database: Database, name: str, kind: str, **more: Any) -> dict[str, Any]:
    """A connector of the file; the password is in the environment."""
    settings = {"driver.allowPublicKeyRetrieval": True} if kind == "mysql" else {}
    return {
        "name": name,
        "type": kind,
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "password": "${CONNECTORS_PASSWORD}",
        "database": database.name,
        **({"tls": "disabled"} if kind == "mysql" else {}),
        **more,
        "config": {**settings, **more.get("config", {})},
    }


def until(found: Callable[[], bool]) -> bool:
    """True when it comes about before the patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (so := found()) and time.monotonic() < deadline:
        time.sleep(0.3)
    return so
