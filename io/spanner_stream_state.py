"""Where the partitions of a change stream are, kept in any database of SQLAlchemy's."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_state_engine import state_engine
from pipeline_io.database import Database
from pipeline_io.database_login import log_in_by
from pipeline_io.secrets import Secret
from pipeline_io.spanner_errors import SpannerError
from pipeline_io.spanner_stream_partitions import Partition, State

_METADATA = sa.MetaData()
_STREAMS = sa.Table(
    "spanner_streams",
    _METADATA,
    sa.Column("stream", sa.String(255), primary_key=True),
    sa.Column("run", sa.String(64), nullable=False),
    sa.Column("start_us", sa.BigInteger, nullable=False),
    sa.Column("commits", sa.BigInteger, nullable=False),
)
_PARTITIONS = sa.Table(
    "spanner_partitions",
    _METADATA,
    sa.Column("stream", sa.String(255), primary_key=True),
    # Tokens are longer than keys may be in some databases.
    sa.Column("token_digest", sa.String(64), primary_key=True),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("parents", sa.Text, nullable=False),
    sa.Column("start_us", sa.BigInteger, nullable=False),
    sa.Column("position_us", sa.BigInteger, nullable=False),
    sa.Column("is_complete", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
)


class StreamStateError(SpannerError):
    """The state cannot be kept, or another run has taken it over."""


class StreamState:
    """The partitions of one stream, as of the last commit.

    A new run takes the state over: the one before stops at its next commit, so that no two of them
    write over each other's positions.

    Args:
        database: of any of SQLAlchemy's dialects, such as sqlite:///state.db.
        stream: names the stream and who reads it, up to 255 characters.
        run: names the run.

    Raises StreamStateError.
    """

    def __init__(self, database: Database, stream: str, run: str) -> None:
        self.database = database
        self.stream = stream
        self.run = run
        try:
            self._engine = state_engine(database)
        except AuditError as error:
            raise StreamStateError(str(error)) from error
        if isinstance(database.password, Secret):
            log_in_by(self._engine, database.password)
        with self._told():
            _METADATA.create_all(self._engine)

    def take_over(self) -> list[Partition] | None:
        """The partitions of the run before, None where there was none."""
        with self._told(), self._engine.begin() as connection:
            mine = _STREAMS.c.stream == self.stream
            taken = connection.execute(_STREAMS.update().where(mine).values(run=self.run))
            if not taken.rowcount:
                return None
            rows = connection.execute(
                _PARTITIONS.select().where(_PARTITIONS.c.stream == self.stream)
            ).mappings()
            return [
                Partition(
                    row["token"],
                    tuple(json.loads(row["parents"])),
                    row["start_us"],
                    row["position_us"],
                    bool(row["is_complete"]),
                    State(row["state"]),
                )
                for row in rows
            ]

    def begin(self, start_us: int, partitions: Iterable[Partition]) -> None:
        """Stores where a stream is first read from."""
        with self._told(), self._engine.begin() as connection:
            connection.execute(
                _STREAMS.insert().values(
                    stream=self.stream, run=self.run, start_us=start_us, commits=0
                )
            )
            self._store(connection, partitions)

    def commit(self, stored: Sequence[Partition], gone: Iterable[str]) -> None:
        """Stores what has changed, in one transaction: what it tells of is durable elsewhere."""
        with self._told(), self._engine.begin() as connection:
            mine = (_STREAMS.c.stream == self.stream) & (_STREAMS.c.run == self.run)
            # Counted, since some databases call a row that stays the same no match.
            kept = connection.execute(
                _STREAMS.update().where(mine).values(commits=_STREAMS.c.commits + 1)
            )
            if not kept.rowcount:
                message = (
                    f"another run has taken over {self.stream} in {self.database}; this one stops. "
                    "Let one run at a time read a change stream, or give each a --state of its own"
                )
                raise StreamStateError(message)
            tokens = [*(one.token for one in stored), *gone]
            if tokens:
                ours = _PARTITIONS.delete().where(
                    _PARTITIONS.c.stream == self.stream,
                    _PARTITIONS.c.token_digest == sa.bindparam("digest"),
                )
                connection.execute(ours, [{"digest": _digest(token)} for token in tokens])
            self._store(connection, stored)

    def close(self) -> None:
        self._engine.dispose()

    def _store(self, connection: sa.Connection, partitions: Iterable[Partition]) -> None:
        rows: list[dict[str, Any]] = [
            {
                "stream": self.stream,
                "token_digest": _digest(one.token),
                "token": one.token,
                "parents": json.dumps(one.parents),
                "start_us": one.start_us,
                "position_us": one.position_us,
                "is_complete": one.is_complete,
                "state": one.state.value,
            }
            for one in partitions
        ]
        if rows:
            connection.execute(_PARTITIONS.insert(), rows)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.SQLAlchemyError, OSError) as error:
            said = self.database.without_password(str(getattr(error, "orig", None) or error))
            message = (
                f"the state in {self.database} cannot be read or written: {said}; check the "
                "address, and that its user may create tables"
            )
            raise StreamStateError(message) from None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
