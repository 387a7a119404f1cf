"""The pipelines and `kami` on one warehouse file, called as a command line calls them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from kami.cli import main as kami_main
from kami.warehouse import open_warehouse
from pipelines import change_log, snapshot
from tests.proof.live.shop_database import RENAMED, Shop
from tests.stack.databases import Database, fresh_name
from tests.stack.debezium import Connector
from tests.stack.servers import Kafka, Registry

ARRIVAL_SECONDS = 240
"""For a machine that is busy with much else: a worker that was killed comes back in some seconds on
a quiet one."""


class Outcome(NamedTuple):
    """What a command of `kami` did: its exit code, its rows, what it told besides."""

    code: int
    rows: list[dict[str, Any]]
    told: str


class WarehouseRun:
    """A warehouse file for one database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder
        self.warehouse = f"duckdb:{folder / 'warehouse.duckdb'}"
        self.is_mysql = database.url.startswith("mysql")
        self._config = folder / "kami.yaml"
        self._options: Mapping[str, object] = {}
        self.move_to(database)

    def move_to(self, database: Database) -> None:
        """The source is this database from now on."""
        self.database = database
        self._config.write_text(
            f"warehouse: {self.warehouse}\nsources:\n  - name: shop\n"
            f"    type: {'mysql' if self.is_mysql else 'postgresql'}\n"
            f"    url: {database.url}\n    options: {json.dumps(self._options)}\n"
        )

    def alter_accounts(self, shop: Shop) -> None:
        """PostgreSQL's log has no statements: the configuration tells of the renamed column."""
        shop.alter_accounts()
        if not self.is_mysql:
            self._options = {"accounts": {"renamed": RENAMED}}
        self.move_to(self.database)

    def take_snapshot(self) -> None:
        flags = [f"--source={self.database.url}", f"--warehouse={self.warehouse}"]
        assert snapshot.main(["--source_name=shop", *flags, "--range_rows=50"]) == 0

    def kami(self, *arguments: str) -> Outcome:
        """Runs a command with JSON as its output."""
        command = ["--config", str(self._config), "--output", "json", *arguments]
        result = CliRunner().invoke(kami_main, command)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
        return Outcome(result.exit_code, [json.loads(line) for line in lines], result.output)

    def done(self, *arguments: str) -> list[dict[str, Any]]:
        """The rows of a command that must end well."""
        outcome = self.kami(*arguments)
        assert outcome.code == 0, f"{arguments}: {outcome.code}: {outcome.told}"
        return outcome.rows

    def query(self, sql: str) -> list[dict[str, Any]]:
        with open_warehouse(self.warehouse) as opened:
            return opened.query(sql).to_pylist()

    def tables(self) -> list[str]:
        """The tables and views of the dataset."""
        with open_warehouse(self.warehouse) as opened:
            return list(opened.tables("shop"))

    def run(self, *statements: str) -> None:
        """Writes behind everybody's back."""
        with open_warehouse(self.warehouse) as opened:
            for statement in statements:
                opened.run(statement)

    def number(self, expression: str, table: str) -> int:
        """An aggregate over a table of the dataset."""
        (row,) = self.query(f"SELECT {expression} AS n FROM `shop`.`{table}`")  # noqa: S608
        return int(row["n"])


class LiveRun(WarehouseRun):
    """A warehouse file, and the topics that the database's changes come in."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        connector: Connector,
        kafka: Kafka,
        registry: Registry,
    ) -> None:
        super().__init__(database, folder)
        self.connector = connector
        self._kafka = kafka
        self._registry = registry
        self._group = fresh_name("group")

    @property
    def log_flags(self) -> list[str]:
        """Of `python -m pipelines.change_log`; each run goes on where the one before ended."""
        name, database = self.connector.name, self.database.name
        # MySQL's statements come in a topic that is called like the connector alone.
        topics = rf"{name}(\.{database}\..*)?" if self.is_mysql else rf"{name}\.public\..*"
        return [
            "--source=kafka",
            f"--kafka_brokers={self._kafka.brokers}",
            f"--schema_registry={self._registry.url}",
            f"--kafka_group={self._group}",
            f"--topics={topics}",
            "--source_name=shop",
            f"--warehouse={self.warehouse}",
            f"--output_dir={self.folder / 'out'}",
        ]

    def read_log(self) -> None:
        """Brings what is in the topics now into the log."""
        assert change_log.main(self.log_flags) == 0

    def wait_for(self, mark: str, tables: Sequence[str]) -> None:
        """Returns when a text that is in the last change of each table is in each one's topic."""
        waiting = {self.connector.topic(table) for table in tables}
        deadline = time.monotonic() + ARRIVAL_SECONDS
        consumer = Consumer(
            {
                "bootstrap.servers": self._kafka.brokers,
                "group.id": fresh_name("mark"),
                "topic.metadata.refresh.interval.ms": 1000,
            }
        )
        try:
            # A topic is made with its first record: the consumer asks again until it is there.
            consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in waiting])
            while waiting:
                state = self.connector.state()[:3000]
                assert time.monotonic() < deadline, f"{mark!r} is not in {waiting}; {state}"
                for message in consumer.consume(1000, timeout=1):
                    value = None if message.error() else message.value()
                    if value is not None and mark.encode() in value:
                        waiting.discard(str(message.topic()))
        finally:
            consumer.close()
