"""Fixtures of the live proof: a shop in each database, its connector, its warehouse file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.proof.live.shop_database import Shop
from tests.proof.live.warehouse_run import LiveRun, WarehouseRun
from tests.stack.databases import Database
from tests.stack.debezium import Connector
from tests.stack.servers import Kafka, Registry

OLD_ROWS = 40
"""Rows of each table from before the connector: only the snapshot has them."""

Opened: TypeAlias = "tuple[Shop, LiveRun]"
SnapshotOnly: TypeAlias = "tuple[Shop, WarehouseRun]"


@pytest.fixture
def mysql_shop(
    mysql_database: Database,
    debezium_mysql: Callable[..., Connector],
    kafka: Kafka,
    registry: Registry,
    tmp_path: Path,
) -> Iterator[Opened]:
    """A connector for all tables of the database, those to come included."""
    shop = Shop(mysql_database)
    shop.prepare(OLD_ROWS)
    connector = debezium_mysql(
        mysql_database,
        snapshot__mode="no_data",
        table__include__list=rf"{mysql_database.name}\..*",
    )
    yield shop, LiveRun(mysql_database, tmp_path, connector, kafka, registry)
    shop.close()


@pytest.fixture
def postgres_shop(
    postgres_database: Database,
    debezium_postgres: Callable[..., Connector],
    kafka: Kafka,
    registry: Registry,
    tmp_path: Path,
) -> Iterator[Opened]:
    """The same in PostgreSQL."""
    shop = Shop(postgres_database)
    shop.prepare(OLD_ROWS)
    connector = debezium_postgres(
        postgres_database,
        snapshot__mode="no_data",
        table__include__list=r"public\..*",
        publication__autocreate__mode="all_tables",
    )
    yield shop, LiveRun(postgres_database, tmp_path, connector, kafka, registry)
    shop.close()


@pytest.fixture
def mysql_without_log(mysql_database: Database, tmp_path: Path) -> Iterator[SnapshotOnly]:
    """A shop without a connector: what its god views have is a snapshot."""
    shop = Shop(mysql_database)
    shop.prepare(OLD_ROWS)
    yield shop, WarehouseRun(mysql_database, tmp_path)
    shop.close()


@pytest.fixture
def postgres_without_log(postgres_database: Database, tmp_path: Path) -> Iterator[SnapshotOnly]:
    """The same in PostgreSQL."""
    shop = Shop(postgres_database)
    shop.prepare(OLD_ROWS)
    yield shop, WarehouseRun(postgres_database, tmp_path)
    shop.close()
