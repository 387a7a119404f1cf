"""A table of Spanner, polled into a warehouse file, and the god view that kami makes of it."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from click.testing import CliRunner
from google.cloud.spanner_v1 import COMMIT_TIMESTAMP

from kami.cli import main as kami
from pipelines import audit_columns
from tests.stack.spanner_databases import SpannerDatabase

DDL = """
CREATE TABLE orders (
  id STRING(36) NOT NULL, amount NUMERIC, rate FLOAT64, paid BOOL, raw BYTES(MAX), day DATE,
  doc JSON, tags ARRAY<STRING(MAX)>, paid_at TIMESTAMP,
  updated TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
  ShardId INT64 AS (MOD(ABS(FARM_FINGERPRINT(id)), 4)) STORED
) PRIMARY KEY (id)
"""
INSERT = """
INSERT INTO orders (id, amount, rate, paid, raw, day, doc, tags, paid_at, updated) VALUES (
  'a', NUMERIC '-1.5', 0.1, TRUE, b'\\x00\\xff', DATE '2024-02-29', JSON '{"n": 1}', ['x', 'y'],
  TIMESTAMP '2026-01-01 12:00:00.123456789Z', PENDING_COMMIT_TIMESTAMP())
"""
UTC = datetime.timezone.utc


def test_the_god_view_of_a_polled_table_is_the_table(
    spanner_database: SpannerDatabase, tmp_path: Path
) -> None:
    spanner_database.ddl(DDL, "CREATE INDEX polled ON orders (ShardId, updated)")
    spanner_database.execute(INSERT)
    spanner_database.insert(
        "orders", ["id", "updated"], [[text, COMMIT_TIMESTAMP] for text in "bcdefgh"]
    )
    poll(spanner_database, tmp_path)
    spanner_database.upsert("orders", ["id", "amount", "updated"], [["b", 7, COMMIT_TIMESTAMP]])
    spanner_database.delete("orders", ["c"])
    poll(spanner_database, tmp_path)
    (tmp_path / "kami.yaml").write_text(
        f"""
        warehouse: duckdb:warehouse.duckdb
        sources:
          - {{name: shop, type: spanner, url: "{spanner_database.url}", polled: true}}
        """
    )
    applied = CliRunner().invoke(kami, ["apply", "--config", str(tmp_path / "kami.yaml")])
    assert applied.exit_code == 0, applied.output
    rows = {row["id"]: row for row in view(tmp_path)}
    assert sorted(rows) == ["a", "b", "d", "e", "f", "g", "h"]
    assert rows["b"]["amount"] == 7
    (first,) = [row for row in rows.values() if row["id"] == "a"]
    assert {name: first[name] for name in ("amount", "rate", "paid", "raw", "day", "tags")} == {
        "amount": Decimal("-1.5"),
        "rate": 0.1,
        "paid": True,
        "raw": b"\x00\xff",
        "day": datetime.date(2024, 2, 29),
        "tags": '["x","y"]',
    }
    # Microseconds: what Spanner has besides is cut.
    at = datetime.datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert first["paid_at"].astimezone(UTC) == at
    assert first["doc"] == '{"n":1}'


def poll(database: SpannerDatabase, folder: Path) -> None:
    (folder / "tables.yaml").write_text(
        "tables:\n  orders:\n    updated: updated\n    index: polled\n    shard_column: ShardId\n"
        "    shards: {count: 2, low: 0, high: 3}\n"
    )
    flags = {
        "source_name": "shop",
        "database": database.url,
        "state": f"sqlite:///{folder / 'state.db'}",
        "config": folder / "tables.yaml",
        "output": f"duckdb:{folder / 'warehouse.duckdb'}",
        "output_dir": folder / "out",
        "sweep_every": "0.000001",
        "readers": 2,
    }
    assert audit_columns.main([f"--{name}={value}" for name, value in flags.items()]) == 0


def view(folder: Path) -> list[dict[str, Any]]:
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT * FROM shop.orders")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
