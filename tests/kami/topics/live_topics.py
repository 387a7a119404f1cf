"""`kami topics` against the broker of the stack, with names of one test."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import UserScramCredentialAlteration, UserScramCredentialDeletion

from kami.cli import main
from tests.stack import servers


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    rows: list[dict[str, Any]]
    told: str

    @property
    def texts(self) -> list[str]:
        """Each row in short: change kind name field from>to."""
        return [
            " ".join(str(row[name]) for name in ("change", "kind", "name", "field") if row[name])
            + (f" {row['from']}>{row['to']}" if row["from"] or row["to"] else "")
            for row in self.rows
        ]


class Live:
    """A file of topics, and commands on it; all names of it begin with `prefix`."""

    def __init__(self, kafka: servers.Kafka, folder: Path, prefix: str) -> None:
        self.kafka = kafka
        self.prefix = prefix
        self._exit = contextlib.ExitStack()
        client = AdminClient({"bootstrap.servers": kafka.brokers, "log_level": 0})
        self.admin: AdminClient = self._exit.enter_context(client)
        self.path = folder / "topics.yaml"

    def manage(self) -> dict[str, Any]:
        """Covers all that a test makes."""
        every = f"{self.prefix}*"
        return {"topics": [every], "acls": [f"User:{every}"], "users": [every]}

    def write(self, **keys: Any) -> None:
        """The file; without `brokers` those that let everybody do all."""
        whole = {"brokers": self.kafka.brokers, **keys}
        self.path.write_text(yaml.safe_dump(whole), encoding="utf-8")

    def login(self, user: str, mechanism: str, password: str) -> dict[str, Any]:
        """`brokers` and `client` for a user; `password` is a reference."""
        client = {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": mechanism,
            "sasl.username": user,
            "sasl.password": password,
        }
        return {"brokers": self.kafka.sasl_brokers, "client": client}

    def text(self, command: str, *options: str) -> str:
        """What a command prints."""
        result = CliRunner().invoke(main, ["topics", command, "--file", str(self.path), *options])
        assert result.exit_code == 0, result
        return result.stdout

    def run(self, command: str, *options: str) -> Ran:
        arguments = ["topics", command, "--file", str(self.path), "--output", "json", *options]
        result = CliRunner().invoke(main, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        return Ran(result.exit_code, rows, result.stderr)

    def plan(self, *options: str) -> Ran:
        return self.run("plan", *options)

    def apply(self, *options: str) -> Ran:
        return self.run("apply", *options)

    def settled(self, *options: str) -> None:
        """Applies, and sees that nothing is left to do."""
        applied = self.apply(*options)
        assert applied.code == 0, applied
        again = self.plan()
        assert (again.code, again.rows) == (0, []), again
        assert self.apply().rows == []

    def close(self) -> None:
        """Deletes what a test may have made, by another way than the commands."""
        names = [name for name in self.admin.list_topics().topics if name.startswith(self.prefix)]
        if names:
            _done(self.admin.delete_topics(names))
        _done(self.admin.delete_acls([_acls_of(f"User:{self.prefix}")]))
        users = self.admin.describe_user_scram_credentials().result()  # type: ignore[union-attr]
        gone: list[UserScramCredentialAlteration] = [
            UserScramCredentialDeletion(name, credential.mechanism)
            for name, user in users.items()
            if name.startswith(self.prefix)
            for credential in user.scram_credential_infos
        ]
        if gone:
            _done(self.admin.alter_user_scram_credentials(gone))
        self._exit.close()


def eventually(holds: Callable[[], bool]) -> None:
    """Waits for it, for 20 s at most: users and rules reach the broker a moment later."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _acls_of(principal: str) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]  # None means any name; the library says str
        ResourcePatternType.ANY,
        principal,
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def _done(futures: Mapping[Any, Future[Any]]) -> None:
    for future in futures.values():
        future.result(timeout=30)
