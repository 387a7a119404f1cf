"""What is written into and read from the tables of state."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from pipeline_io.audit_state_tables import pending, shards, versions
from pipeline_io.audit_versions import VERSION_SCHEMA


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a shard is.

    Args:
        cursor_us: up to where it was read; None before anything was.
        passed: whether the first pass has come to its end.
        swept_us: the database's clock at the last sweep.
        forget_us: rows with earlier times need not be remembered; None to remember all.
    """

    cursor_us: int | None = None
    passed: bool = False
    swept_us: int | None = None
    forget_us: int | None = None

    def floor_us(self, overlap_us: int) -> int | None:
        """The least update time that a row which is new now is told with; None in a first pass."""
        if not self.passed or self.cursor_us is None:
            return None
        return self.cursor_us - overlap_us


@dataclasses.dataclass(frozen=True)
class Held:
    """A shard that this state polls under a token, and the number of this poll."""

    scope: str
    token: str
    poll: int
    progress: Progress


def shard_row(scope: str) -> sa.Select[tuple[object, ...]]:
    """The row of a shard."""
    return sa.select(shards).where(shards.c.scope == scope)


def taken_values(progress: Progress, token: str, owner: str, until: int) -> dict[str, object]:
    """What a shard's row says while somebody polls it."""
    return {
        "token": token,
        "next_cursor_us": progress.cursor_us,
        "next_passed": progress.passed,
        "next_swept_us": progress.swept_us,
        "forget_us": progress.forget_us,
        "owner": owner,
        "lease_us": until,
    }


def doubt(connection: sa.Connection, scope: str) -> None:
    """What is pending may have been told or not: it is told again, and what is told differently
    comes after it."""
    _move(connection, scope, doubtful=True)


def _move(connection: sa.Connection, scope: str, *, doubtful: bool) -> None:
    newer = sa.select(pending.c.key_id).where(pending.c.scope == scope)
    connection.execute(
        sa.delete(versions).where(versions.c.scope == scope, versions.c.key_id.in_(newer))
    )
    chosen = [
        sa.literal(doubtful) if column.name == "doubtful" else pending.c[column.name]
        for column in versions.columns
    ]
    moved = sa.select(*chosen).where(pending.c.scope == scope)
    names = [column.name for column in versions.columns]
    connection.execute(sa.insert(versions).from_select(names, moved))
    connection.execute(sa.delete(pending).where(pending.c.scope == scope))


def promote(connection: sa.Connection, row: sa.RowMapping) -> None:
    """What is pending in the shard of this row becomes what is known."""
    scope = row["scope"]
    _move(connection, scope, doubtful=False)
    if row["forget_us"] is not None:
        connection.execute(
            sa.delete(versions).where(
                versions.c.scope == scope, versions.c.row_us < row["forget_us"]
            )
        )
    done = {
        "cursor_us": row["next_cursor_us"],
        "passed": row["next_passed"],
        "swept_us": row["next_swept_us"],
    }
    connection.execute(sa.update(shards).where(shards.c.scope == scope).values(done))


def known_frame(rows: Sequence[sa.Row[tuple[object, ...]]]) -> pl.DataFrame:
    """Rows of versions as VERSION_SCHEMA."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(VERSION_SCHEMA)
    data = dict(zip(VERSION_SCHEMA, (list(column) for column in columns), strict=True))
    return pl.DataFrame(data, schema=VERSION_SCHEMA)
