"""A second MySQL server that follows the first one, until it takes its place."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy

from tests.stack.installing import folder_of
from tests.stack.mysql import PART
from tests.stack.part import Context, Endpoints, NotReady
from tests.stack.ports import free_port
from tests.stack.servers import MySql

START_SECONDS = 120


class Replica(MySql):
    """A server beside the stack, of the same program with data of its own."""

    def __init__(self, endpoints: Endpoints, source: MySql) -> None:
        self.name = "mysql replica"
        self._endpoints = endpoints
        self._source = source

    def follow(self) -> None:
        """Takes over all that its source has ever committed, and what comes."""
        self._run(
            f"CHANGE MASTER TO MASTER_HOST = '{self._source.host}', "
            f"MASTER_PORT = {self._source.port}, MASTER_USER = '{self._source.user}', "
            f"MASTER_PASSWORD = '{self._source.password}', MASTER_AUTO_POSITION = 1",
            "START SLAVE",
        )

    def promote(self) -> None:
        """Stands alone once it has what its source has committed until now."""
        executed = _value(self._source.url, "SELECT @@GLOBAL.gtid_executed")
        missing = _value(
            self.url,
            "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)",
            str(executed).replace("\n", ""),
            START_SECONDS,
        )
        assert missing == 0, f"the replica has not caught up: {self._state()}"
        self._run("STOP SLAVE", "RESET SLAVE ALL")

    def _state(self) -> str:
        with sqlalchemy.create_engine(self.url).connect() as connection:
            return str(connection.exec_driver_sql("SHOW SLAVE STATUS").mappings().all())

    def _run(self, *statements: str) -> None:
        engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


@contextlib.contextmanager
def opened_replica(source: MySql, folder: Path) -> Iterator[Replica]:
    """A replica that follows, ended and forgotten with the block."""
    plan = PART.plan(Context(folder_of("mysql"), folder, {}, folder_of, free_port))
    (command,) = plan.processes.values()
    with (folder / "mysqld.log").open("wb") as log:
        process = subprocess.Popen(
            [*command.arguments, "--server-id=2", "--skip-slave-start"],
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, plan.endpoints, folder / "mysqld.log")
        replica = Replica(plan.endpoints, source)
        replica.follow()
        yield replica
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], endpoints: Endpoints, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            PART.check(endpoints)
        except NotReady as error:
            said = log.read_text(errors="replace")[-2000:]
            assert process.poll() is None, said
            assert time.monotonic() < deadline, f"{error}: {said}"
            time.sleep(0.2)
        else:
            return


def _value(url: str, statement: str, *values: object) -> object:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return connection.exec_driver_sql(statement, values).scalar()
