"""The tables in which polling remembers where it is and what it has seen.

Keys and digests are hexadecimal texts of a fixed length: they compare alike in every database and
every collation, and fit every index.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_HEX = sa.String(32)

shards = sa.Table(
    "audit_shards",
    metadata,
    sa.Column("scope", _HEX, primary_key=True),
    sa.Column("source", sa.String(200), nullable=False),
    sa.Column("table_name", sa.String(300), nullable=False),
    sa.Column("shard", sa.String(40), nullable=False),
    sa.Column("key_columns", sa.Text, nullable=False),
    # How far the table is read, and whether the first pass has come to its end.
    sa.Column("cursor_us", sa.BigInteger),
    sa.Column("passed", sa.Boolean, nullable=False),
    sa.Column("poll", sa.BigInteger, nullable=False),
    sa.Column("swept_us", sa.BigInteger),
    # The same, as of what is pending under the token.
    sa.Column("token", sa.String(100)),
    sa.Column("next_cursor_us", sa.BigInteger),
    sa.Column("next_passed", sa.Boolean),
    sa.Column("next_swept_us", sa.BigInteger),
    sa.Column("forget_us", sa.BigInteger),
    # Who polls, and until when nobody else may.
    sa.Column("owner", sa.String(300)),
    sa.Column("lease_us", sa.BigInteger),
)
"""One row for each shard of each table of each source."""


def _version_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("scope", _HEX, primary_key=True),
        sa.Column("key_id", _HEX, primary_key=True),
        sa.Column("key_text", sa.Text, nullable=False),
        # The order of the change: `updated_us` never steps back for a key, the row's time may.
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("row_us", sa.BigInteger),
        sa.Column("digest", _HEX, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("op", sa.String(1), nullable=False),
        # It was handed out, and its run ended before it said whether that was durable.
        sa.Column("doubtful", sa.Boolean, nullable=False),
        sa.Column("poll", sa.BigInteger, nullable=False),
    ]


versions = sa.Table("audit_versions", metadata, *_version_columns())
"""The last version of each key that was told, or may have been."""

pending = sa.Table("audit_pending", metadata, *_version_columns())
"""Versions that were told but are not known to be durable at the other end."""

seen = sa.Table(
    "audit_seen",
    metadata,
    sa.Column("scope", _HEX, primary_key=True),
    sa.Column("key_id", _HEX, primary_key=True),
)
"""The keys that the sweep under way has met."""

for _table in (shards, versions, pending, seen):
    _table.dialect_options["mysql"]["charset"] = "utf8mb4"
