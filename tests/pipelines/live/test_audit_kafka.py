"""Polled changes through topics of Kafka, and a database that does not let the poll in."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import change_log
from tests.pipelines.live.polled_database import PASSWORD, PolledDatabase
from tests.stack.databases import Database
from tests.stack.servers import Kafka, Registry

TABLE = (
    "CREATE TABLE items (id INT PRIMARY KEY, word TEXT, price NUMERIC(10, 2), "
    "updated_at TIMESTAMPTZ NOT NULL DEFAULT now())"
)
LOG = """
    SELECT _key, op, CAST(before AS VARCHAR), CAST(after AS VARCHAR), _order_key, _event_id
    FROM shop.items_change_log ORDER BY _order_key
"""


@pytest.fixture
def polled(
    postgres_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> PolledDatabase:
    postgres_database.execute(TABLE, "CREATE INDEX items_by_time ON items (updated_at, id)")
    postgres_database.execute(
        "INSERT INTO items SELECT n, 'word ' || n, n / 3.0 FROM generate_series(1, 50) AS n"
    )
    found = PolledDatabase(postgres_database, tmp_path)
    monkeypatch.setenv(PASSWORD, found.environment()[PASSWORD])
    return found


def _log(file: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(LOG).fetchall()


def test_the_log_is_the_same_with_topics_in_between(
    polled: PolledDatabase, kafka: Kafka, registry: Registry
) -> None:
    # The topic's name is of the source, and brokers keep it after the test.
    source = f"shop_{secrets.token_hex(4)}"
    to_kafka = (
        f"--source_name={source}",
        "--output=kafka",
        f"--kafka_brokers={kafka.brokers}",
        f"--schema_registry={registry.url}",
        f"--state=sqlite:///{polled.folder / 'kafka.db'}",
        "--sweep_every=0.000001",
    )
    direct = (f"--source_name={source}", "--sweep_every=0.000001")
    total = 0
    for statement in ("DELETE FROM items WHERE id <= 5", "SELECT 1"):
        polled.poll_until(lambda: polled.summary()["changes"] > 0, *to_kafka)
        total += polled.summary()["changes"]
        polled.poll_until(lambda: polled.summary()["changes"] > 0, *direct)
        polled.database.execute(statement)
    read = polled.folder / "read.duckdb"
    arguments = [
        "--source=kafka",
        "--source_name=shop",
        f"--kafka_brokers={kafka.brokers}",
        f"--schema_registry={registry.url}",
        f"--topics={source}.public.items",
        f"--warehouse=duckdb:{read}",
        f"--output_dir={polled.folder / 'log'}",
    ]
    assert change_log.main(arguments) == 0
    with duckdb.connect(str(polled.file), read_only=True) as connection:
        same = connection.execute(LOG.replace("shop.", f"{source}.")).fetchall()
    assert _log(read) == same
    assert len(same) == total == 55


def test_a_wrong_password_is_told_without_it(
    polled: PolledDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PASSWORD, "not-the-password")
    assert polled.poll() == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "not-the-password" not in error
    assert not polled.file.exists()
