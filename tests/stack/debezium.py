"""Debezium connectors for tests, on the Connect worker of the stack."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import sqlalchemy

from tests.stack.databases import Database, fresh_name
from tests.stack.part import StackError
from tests.stack.servers import Connect, Kafka

STREAMING_TIMEOUT_SECONDS = 60

COMMON = {
    "tasks.max": "1",
    "decimal.handling.mode": "precise",
    "skipped.operations": "none",
    "poll.interval.ms": "50",
    "topic.creation.default.replication.factor": "1",
    "topic.creation.default.partitions": "1",
    # A task that lost its database tries again soon, and for long.
    "errors.max.retries": "-1",
    "retriable.restart.connector.wait.ms": "500",
    # So does one whose registry does not answer.
    "errors.retry.timeout": "120000",
}

# Both servers send their logs only after the connector has read the tables.
_MYSQL_READERS = """
SELECT 1 FROM information_schema.processlist WHERE user = %s AND command LIKE 'Binlog Dump%%'
"""
_POSTGRES_READERS = """
SELECT 1 FROM pg_stat_replication AS sender
JOIN pg_replication_slots AS slot ON slot.active_pid = sender.pid
WHERE slot.slot_name = %s AND sender.state = 'streaming'
"""


class Connector:
    """A connector that streams.

    Args:
        name: the connector's, and the prefix of its topics.
        tables: as they are named in the topics: with their database or schema in front.
    """

    def __init__(self, connect: Connect, name: str, tables: Mapping[str, str]) -> None:
        self.name = name
        self._url = f"{connect.url}/connectors/{name}"
        self._tables = tables

    @property
    def topics(self) -> list[str]:
        """The topics of its tables, in the order in which they were given."""
        return [self.topic(table) for table in self._tables]

    def topic(self, table: str) -> str:
        """The topic of a table."""
        return f"{self.name}.{self._tables[table]}"

    def state(self) -> str:
        """RUNNING, PAUSED or FAILED with the cause; UNASSIGNED while the worker starts it."""
        response = self._ask("GET", "/status")
        if response.status_code != httpx.codes.OK:
            return "UNASSIGNED"
        status = response.json()
        workers = [status["connector"], *status["tasks"]]
        for worker in workers:
            if worker["state"] == "FAILED":
                return f"FAILED: {worker.get('trace', '')[:2000]}"
        states = {worker["state"] for worker in workers}
        return states.pop() if len(states) == 1 and status["tasks"] else "UNASSIGNED"

    def restart(self) -> None:
        """Starts the connector and its tasks again."""
        self._ask("POST", "/restart?includeTasks=true").raise_for_status()

    def delete(self) -> None:
        """Takes the connector away; its topics stay."""
        self._ask("DELETE", "")

    def _ask(self, method: str, path: str) -> httpx.Response:
        return httpx.request(method, self._url + path, timeout=30, trust_env=False)


class Debezium:
    """Registers connectors, and deletes them at `close`."""

    def __init__(self, connect: Connect, kafka: Kafka) -> None:
        self._connect = connect
        self._kafka = kafka
        self._undo = contextlib.ExitStack()

    def mysql(self, database: Database, *tables: str, **settings: str) -> Connector:
        """A connector that has read the tables of a MySQL database and follows its binary log.

        Args:
            tables: their names; all tables that are there for none.
            settings: of the connector, with `__` for each dot: `time__precision__mode="connect"`.
        """
        name = fresh_name("mysql")
        chosen = tables or tuple(row[0] for row in database.query("SHOW TABLES"))
        # A user of its own shows in the list of processes what the connector does.
        user = fresh_name("debezium")
        database.execute(
            f"CREATE USER '{user}'@'%' IDENTIFIED WITH mysql_native_password BY '{user}'",
            f"GRANT SELECT, RELOAD, SHOW DATABASES, LOCK TABLES, REPLICATION SLAVE, "
            f"REPLICATION CLIENT ON *.* TO '{user}'@'%'",
        )
        self._undo.callback(database.execute, f"DROP USER '{user}'@'%'")
        connector = self._register(
            name,
            {table: f"{database.name}.{table}" for table in chosen},
            {
                "connector.class": "io.debezium.connector.mysql.MySqlConnector",
                "database.hostname": database.host,
                "database.port": str(database.port),
                "database.user": user,
                "database.password": user,
                "database.server.id": str(random.SystemRandom().randrange(10_000, 2**31)),
                "database.include.list": database.name,
                "table.include.list": ",".join(f"{database.name}.{table}" for table in chosen),
                "schema.history.internal.kafka.bootstrap.servers": self._kafka.brokers,
                "schema.history.internal.kafka.topic": f"{name}.history",
                "database.ssl.mode": "disabled",
                "driver.allowPublicKeyRetrieval": "true",
                "time.precision.mode": "adaptive_time_microseconds",
            },
            settings,
        )
        self._wait(connector, lambda: bool(database.query(_MYSQL_READERS, user)))
        return connector

    def postgres(self, database: Database, *tables: str, **settings: str) -> Connector:
        """A connector that has read the tables of a PostgreSQL database and follows its log.

        Args:
            tables: of the schema public; all that are there for none.
            settings: of the connector, with `__` for each dot: `time__precision__mode="connect"`.
        """
        name = fresh_name("postgres")
        there = database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        chosen = tables or tuple(row[0] for row in there)
        connector = self._register(
            name,
            {table: f"public.{table}" for table in chosen},
            {
                "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
                "plugin.name": "pgoutput",
                "database.hostname": database.host,
                "database.port": str(database.port),
                "database.user": database.user,
                "database.password": database.password,
                "database.dbname": database.name,
                "table.include.list": ",".join(f"public.{table}" for table in chosen),
                "slot.name": name,
                "publication.name": name,
                "publication.autocreate.mode": "filtered",
                "time.precision.mode": "adaptive",
            },
            settings,
        )
        self._wait(connector, lambda: bool(database.query(_POSTGRES_READERS, name)))
        return connector

    def close(self) -> None:
        """Deletes the connectors."""
        self._undo.close()

    def _register(
        self,
        name: str,
        tables: Mapping[str, str],
        config: Mapping[str, str],
        settings: Mapping[str, str],
    ) -> Connector:
        changed = {key.replace("__", "."): value for key, value in settings.items()}
        body = {**COMMON, **config, "topic.prefix": name, **changed}
        url = f"{self._connect.url}/connectors/{name}/config"
        response = _until(
            lambda: httpx.put(url, json=body, timeout=60, trust_env=False),
            # The worker is joining its group.
            lambda answer: answer.status_code not in (httpx.codes.CONFLICT, 500, 503),
        )
        if response.is_error:
            message = f"Connect refuses {name!r}: {response.status_code} {response.text[:2000]}"
            raise StackError(message)
        connector = Connector(self._connect, name, tables)
        self._undo.callback(connector.delete)
        return connector

    def _wait(self, connector: Connector, streams: Callable[[], bool]) -> None:
        def seen() -> str:
            state = connector.state()
            return "STREAMING" if state == "RUNNING" and _safely(streams) else state

        state = _until(seen, lambda state: state.startswith(("STREAMING", "FAILED")))
        if state != "STREAMING":
            log = self._connect.log()
            message = f"connector {connector.name!r} does not stream: {state}; see {log}"
            raise StackError(message)


def _safely(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except sqlalchemy.exc.OperationalError:
        return False


def _until(ask: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
    """The first answer that is enough, else the last before time is up."""
    deadline = time.monotonic() + STREAMING_TIMEOUT_SECONDS
    while not enough(answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer
