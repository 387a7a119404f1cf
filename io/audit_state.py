"""What polling remembers, in any database of SQLAlchemy: how far each shard was read and the last
version of each key that was told.

What a poll tells is written as pending under a token before it is handed out, and becomes what is
known by `commit(token)`, once it is durable at the other end. A run that ends in between leaves
pending versions, of which the next one does not know whether they were told: it tells them again
with the same order, and what is different by now comes after them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

import polars as pl
import sqlalchemy as sa

from pipeline_io.audit_bound import shown
from pipeline_io.audit_digest import digest
from pipeline_io.audit_errors import AuditError, LeaseHeld
from pipeline_io.audit_state_engine import is_gone, own_name, state_engine
from pipeline_io.audit_state_rows import (
    Held,
    Progress,
    doubt,
    known_frame,
    promote,
    shard_row,
    taken_values,
)
from pipeline_io.audit_state_tables import metadata, pending, seen, shards, versions
from pipeline_io.audit_tables import PolledTable, Shard
from pipeline_io.audit_versions import VERSION_SCHEMA
from pipeline_io.database import Database

LEASE_SECONDS = 300.0
_KEYS_A_QUERY = 1_000

__all__ = ["AuditState", "Held", "Progress"]


class AuditState:
    """State in a database; tables are made when they are missing.

    Args:
        database: SQLite's file, or any database that SQLAlchemy writes.
        lease_seconds: how long others wait for a poller that was not heard of. It is renewed with
            each page, and gone at once with the process where both are on one machine.
        clock: microseconds since 1970, for leases.

    Raises AuditError.
    """

    def __init__(
        self,
        database: Database | str,
        *,
        lease_seconds: float = LEASE_SECONDS,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._database = Database(database) if isinstance(database, str) else database
        self._engine = state_engine(self._database)
        self._lease_us = round(lease_seconds * 1_000_000)
        self._clock = clock
        self._owner = own_name()
        with self._errors(), self._engine.begin() as connection:
            metadata.create_all(connection)

    def begin(self, source: str, table: PolledTable, shard: Shard, token: str) -> Held:
        """Takes the shard. What is pending under another token becomes doubtful.

        Raises LeaseHeld when somebody else polls it, AuditError when its state is of another key.
        """
        scope = digest(f"{source}\0{table.label}\0{shard}".encode())
        what = f"{source}: {table.label} (shard {shard})"
        with self._errors(), self._engine.begin() as connection:
            row = connection.execute(shard_row(scope).with_for_update()).mappings().one_or_none()
            if row is None:
                new = {
                    "scope": scope,
                    "source": source,
                    "table_name": table.label,
                    "shard": str(shard),
                    "key_columns": "\n".join(table.key),
                    "passed": False,
                    "poll": 0,
                }
                connection.execute(sa.insert(shards).values(new))
                row = connection.execute(shard_row(scope)).mappings().one()
            self._check(row, table, what)
            if row["token"] != token:
                doubt(connection, scope)
                progress = Progress(row["cursor_us"], row["passed"], row["swept_us"])
            else:
                progress = Progress(row["next_cursor_us"], row["next_passed"], row["next_swept_us"])
            values = {
                **taken_values(progress, token, self._owner, self._until()),
                "poll": row["poll"] + 1,
            }
            connection.execute(sa.update(shards).where(shards.c.scope == scope).values(values))
        return Held(scope, token, row["poll"] + 1, progress)

    def _check(self, row: sa.RowMapping, table: PolledTable, what: str) -> None:
        owner, until = row["owner"], row["lease_us"]
        if owner not in (None, self._owner) and until > self._clock() and not is_gone(owner):
            message = (
                f"{what} is polled by {owner} already, with a lease until {shown(until)} in "
                f"{self._database}; end that one, or give this one a state or a source name of "
                "its own"
            )
            raise LeaseHeld(message)
        if row["key_columns"].split("\n") != list(table.key):
            message = (
                f"{what}: the state in {self._database} knows its keys by the columns "
                f"{row['key_columns'].splitlines()!r}, and now the key is {list(table.key)!r}; "
                "poll under another source name"
            )
            raise AuditError(message)

    def known(self, held: Held, ids: Sequence[str]) -> pl.DataFrame:
        """What is known of the keys, pending versions before others, as VERSION_SCHEMA."""
        frames = []
        with self._errors(), self._engine.connect() as connection:
            for table in (pending, versions):
                for start in range(0, len(ids), _KEYS_A_QUERY):
                    some = ids[start : start + _KEYS_A_QUERY]
                    query = sa.select(*(table.c[name] for name in VERSION_SCHEMA)).where(
                        table.c.scope == held.scope, table.c.key_id.in_(some)
                    )
                    frames.append(known_frame(connection.execute(query).all()))
        if not frames:
            return known_frame([])
        return pl.concat(frames).unique("key_id", keep="first", maintain_order=True)

    def store(self, held: Held, told: pl.DataFrame, progress: Progress) -> None:
        """Writes versions as pending, and how far the shard is with them.

        Raises LeaseHeld when somebody else has taken the shard since.
        """
        ids = told["key_id"].to_list()
        extra = {"scope": held.scope, "poll": held.poll}
        rows = [{**row, **extra} for row in told.to_dicts()]
        with self._errors(), self._engine.begin() as connection:
            self._renew(connection, held, progress)
            for start in range(0, len(rows), _KEYS_A_QUERY):
                some = ids[start : start + _KEYS_A_QUERY]
                connection.execute(
                    sa.delete(pending).where(
                        pending.c.scope == held.scope, pending.c.key_id.in_(some)
                    )
                )
            if rows:
                connection.execute(sa.insert(pending), rows)

    def _renew(self, connection: sa.Connection, held: Held, progress: Progress | None) -> None:
        values: dict[str, object] = {"lease_us": self._until()}
        if progress is not None:
            values |= taken_values(progress, held.token, self._owner, self._until())
        ours = sa.and_(
            shards.c.scope == held.scope,
            shards.c.owner == self._owner,
            shards.c.token == held.token,
        )
        if connection.execute(sa.update(shards).where(ours).values(values)).rowcount != 1:
            message = (
                f"somebody else has taken over the shard {held.scope} in {self._database}, or "
                f"another run of this process has, after {held.token!r} began; end one of them"
            )
            raise LeaseHeld(message)

    def commit(self, token: str) -> None:
        """What is pending under the token becomes what is known, of all shards in one
        transaction. More may be told under the same token after it.

        Raises AuditError when nothing is held under the token.
        """
        with self._errors(), self._engine.begin() as connection:
            query = sa.select(shards).where(shards.c.token == token).with_for_update()
            held = connection.execute(query).mappings().all()
            if not held:
                message = (
                    f"nothing is pending under {token!r} in {self._database}: another run has "
                    "taken over and tells it again; end one of them"
                )
                raise AuditError(message)
            for row in held:
                promote(connection, row)

    def abandon(self, token: str) -> None:
        """What is pending under the token was not told, or not for sure: it is told again."""
        with self._errors(), self._engine.begin() as connection:
            query = sa.select(shards.c.scope).where(shards.c.token == token)
            for scope in connection.execute(query).scalars().all():
                doubt(connection, scope)
                free = {"token": None}
                connection.execute(sa.update(shards).where(shards.c.scope == scope).values(free))

    def start_sweep(self, held: Held) -> None:
        """Forgets the keys that an earlier sweep has met."""
        with self._errors(), self._engine.begin() as connection:
            connection.execute(sa.delete(seen).where(seen.c.scope == held.scope))

    def note_seen(self, held: Held, ids: Sequence[str]) -> None:
        """The sweep has met these keys, each once."""
        with self._errors(), self._engine.begin() as connection:
            self._renew(connection, held, None)
            rows = [{"scope": held.scope, "key_id": each} for each in ids]
            if rows:
                connection.execute(sa.insert(seen), rows)

    def missing(self, held: Held, last_poll: int, rows: int) -> Iterator[pl.DataFrame]:
        """Pages of keys that are known since `last_poll` or longer and that the sweep has not met,
        as VERSION_SCHEMA. Keys with a pending version are left to the next sweep."""
        after = ""
        while True:
            query = (
                sa.select(*(versions.c[name] for name in VERSION_SCHEMA))
                .where(
                    versions.c.scope == held.scope,
                    versions.c.key_id > after,
                    sa.or_(versions.c.deleted.is_(False), versions.c.doubtful.is_(True)),
                    versions.c.poll <= last_poll,
                    *(
                        ~sa.exists().where(
                            other.c.scope == versions.c.scope, other.c.key_id == versions.c.key_id
                        )
                        for other in (seen, pending)
                    ),
                )
                .order_by(versions.c.key_id)
                .limit(rows)
            )
            with self._errors(), self._engine.connect() as connection:
                frame = known_frame(connection.execute(query).all())
            if frame.is_empty():
                return
            yield frame
            after = frame["key_id"][-1]

    def close(self) -> None:
        """Gives back all shards, so that others may poll them at once."""
        with contextlib.suppress(AuditError), self._errors(), self._engine.begin() as connection:
            free = {"owner": None, "lease_us": None}
            connection.execute(sa.update(shards).where(shards.c.owner == self._owner).values(free))
        self._engine.dispose()

    def _until(self) -> int:
        return self._clock() + self._lease_us

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            original = getattr(error, "orig", None)
            told = self._database.without_password(str(original or error))
            message = (
                f"the state in {self._database}: {told}; mend it and start again: what is not "
                "committed is told again"
            )
            raise AuditError(message) from None
