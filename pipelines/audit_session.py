"""A database that is polled and the state of its polls, opened together."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import sqlalchemy.exc

from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_poll import Poll
from pipeline_io.audit_state import AuditState
from pipeline_io.audit_tables import AuditDatabase, Bound, PolledTable, Shard
from pipeline_io.database import Database, DatabaseError, masked
from pipeline_io.secrets import Secret
from pipeline_io.spanner_config import SpannerConfig
from pipelines.audit_options import AuditConfig
from pipelines.options import FlagError
from pipelines.version import VERSION
from transforms.envelope_polled import PolledSource

MYSQL = ("mysql", "mariadb")


@dataclasses.dataclass(frozen=True)
class AuditPlace:
    """What is needed to poll from anywhere; travels to the workers. Its texts hold no password.

    name: the database's. mysql: whether what the address calls a schema is a database.
    """

    config: AuditConfig
    name: str
    mysql: bool

    @classmethod
    def of(cls, config: AuditConfig) -> AuditPlace:
        """Asks nobody. Raises FlagError."""
        if config.is_spanner:
            return cls(config, _spanner(config).database, mysql=False)
        url = _database(config.database, config.database_password, "database").url
        if url.get_backend_name() == "sqlite":
            return cls(config, Path(url.database or "main").stem, mysql=False)
        if not url.database:
            message = (
                f"--database={masked(config.database)} names no database; expected "
                "...//HOST/DATABASE"
            )
            raise FlagError(message)
        return cls(config, url.database, mysql=url.get_backend_name() in MYSQL)

    def source_of(self, table: PolledTable) -> PolledSource:
        """What the events of a table say of where they come from."""
        name = self.config.source_name
        if self.mysql:
            return PolledSource(VERSION, name, table.schema or self.name, None, table.name)
        return PolledSource(VERSION, name, self.name, table.schema, table.name)

    def open(self) -> AuditSession:
        """Raises AuditError, FlagError."""
        return AuditSession(self, self._open_database(), self._open_state())

    def _open_database(self) -> AuditDatabase:
        config = self.config
        rows = config.job.batch_size
        if config.is_spanner:
            # Google's client takes a second to import.
            from pipeline_io.audit_spanner import SpannerAudit

            return SpannerAudit(_spanner(config), rows)
        from pipeline_io.audit_database import SqlAuditDatabase

        try:
            return SqlAuditDatabase(
                _database(config.database, config.database_password, "database"),
                zone=config.time_zone,
                readers=config.read_only_users,
                transactions="ignored" if config.ignores_transactions else "required",
                overlap_seconds=config.overlap_seconds,
                page_rows=rows,
            )
        except (AuditError, DatabaseError) as error:
            message = f"--database, --time_zone: {error}"
            raise FlagError(message) from error
        except sqlalchemy.exc.ArgumentError as error:
            message = f"--database={masked(config.database)}: {masked(str(error))}"
            raise FlagError(message) from None

    def _open_state(self) -> AuditState:
        config = self.config
        return AuditState(_database(config.state, config.state_password, "state"))


class AuditSession:
    """Connections of one process. For several threads, each with shards of its own."""

    def __init__(self, place: AuditPlace, database: AuditDatabase, state: AuditState) -> None:
        self.place = place
        self.database = database
        self.state = state
        self._lock = threading.Lock()
        self._polls: dict[tuple[str, Shard], Poll] = {}

    def poll_of(self, table: PolledTable, shard: Shard) -> Poll:
        """The poll of a shard, the same one in every round."""
        config = self.place.config
        with self._lock:
            found = self._polls.get((table.label, shard))
            if found is None:
                found = self._polls[table.label, shard] = Poll(
                    self.database,
                    self.state,
                    table,
                    shard,
                    source=config.source_name,
                    sweep_seconds=config.sweep_seconds or None,
                )
            return found

    def changes(self, poll: Poll, token: str) -> Iterator[pa.RecordBatch]:
        """What changed in a shard, pending under the token, from the last commit on."""
        # A runner tries again what has failed, under the same token: what the failed try told is
        # not durable, and another token's begin drops it.
        self.state.begin(
            self.place.config.source_name, poll.table, poll.shard, f"{token} is begun again"
        )
        yield from poll.changes(token)

    def bound(self) -> Bound | None:
        """Up to where all shards that were polled here were read; None before any was."""
        with self._lock:
            bounds = [poll.bound for poll in self._polls.values() if poll.bound is not None]
        return min(bounds, key=lambda bound: bound.us, default=None)

    def close(self) -> None:
        """Ends the connections, and lets others poll what was polled here."""
        for poll in self._polls.values():
            poll.close()
        self.state.close()
        self.database.close()


class Sessions:
    """Sessions that the workers of this process share with who started them, by token."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, AuditSession] = {}

    def share(self, token: str, session: AuditSession) -> None:
        with self._lock:
            self._sessions[token] = session

    def shared(self, token: str) -> AuditSession | None:
        with self._lock:
            return self._sessions.get(token)

    def drop(self, token: str) -> None:
        with self._lock:
            self._sessions.pop(token, None)


SESSIONS = Sessions()
os.register_at_fork(after_in_child=SESSIONS.forget)


def _database(address: str, password: str | None, flag: str) -> Database:
    try:
        return Database(address, password=None if password is None else Secret(password))
    except ValueError as error:
        message = f"--{flag}: {error}"
        raise FlagError(message) from error


def _spanner(config: AuditConfig) -> SpannerConfig:
    try:
        return SpannerConfig.of(config.database)
    except ValueError as error:
        message = f"--database: {error}"
        raise FlagError(message) from error
