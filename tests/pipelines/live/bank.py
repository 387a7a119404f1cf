"""The bank whose changes a job reads: two databases, their connectors, their topics."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator

import sqlalchemy
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.pipelines.live.customers import Customers
from tests.pipelines.live.expected import Change
from tests.pipelines.live.tables import CardPayments, Transfers
from tests.pipelines.live.workload import Workload
from tests.stack.databases import Database, fresh_name, fresh_postgres_database
from tests.stack.debezium import Connector, Debezium
from tests.stack.servers import Connect, Kafka, MySql, Postgres

TRANSFERS = "core.bank.transfers"
CARD_PAYMENTS = "cards.public.card_payments"
TOPICS = (TRANSFERS, CARD_PAYMENTS)
ARRIVAL_SECONDS = 180
STILL_SECONDS = 2
"""Topics that do not grow for this long have all that a connector has for them."""


@dataclasses.dataclass(frozen=True)
class Mark:
    """A moment of the bank: changes so far of each table, and a group that has read until then."""

    group: str
    transfers: int = 0
    cards: int = 0


class Bank:
    """Tables that change, and the topics that their changes arrive in.

    lookups: the customer database, in both servers.
    """

    def __init__(
        self,
        kafka: Kafka,
        customers: Customers,
        tables: tuple[Transfers, CardPayments],
        lookups: dict[str, Database],
        connectors: tuple[Connector, Connector],
    ) -> None:
        self.customers = customers
        self.transfers, self.cards = tables
        self.lookups = lookups
        self.connectors = connectors
        self._brokers = kafka.brokers
        self._repeats = {TRANSFERS: 0, CARD_PAYMENTS: 0}

    def run(self, changes: int) -> None:
        """The workload on both tables, at least so many changes on each; returns when Kafka has
        them."""
        self.transfers.run(changes)
        self.cards.run(changes)
        self.wait_for_kafka()

    def wait_for_kafka(self) -> None:
        """Returns when the topics have every committed change; AssertionError if they never do."""
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while (ends := self.ends()) != self._records() and time.monotonic() < deadline:
            time.sleep(0.1)
            # Another test may have stopped its database, at which a connector ends.
            self.restart_connectors()
        states = [connector.state() for connector in self.connectors]
        committed = self._records()
        assert ends == committed, f"in Kafka are {ends}, committed were {committed}; {states}"

    def _records(self) -> dict[str, int]:
        committed = {TRANSFERS: self.transfers.records, CARD_PAYMENTS: self.cards.records}
        return {topic: count + self._repeats[topic] for topic, count in committed.items()}

    def ends(self) -> dict[str, int]:
        """The records of each topic."""
        consumer = Consumer({"bootstrap.servers": self._brokers, "group.id": "ends"})
        try:
            return {topic: _end(consumer, topic) for topic in TOPICS}
        finally:
            consumer.close()

    def restart_connectors(self) -> None:
        """Starts those again that have failed, and returns when they have caught up."""
        failed = [one for one in self.connectors if one.state().startswith("FAILED")]
        for connector in failed:
            connector.restart()
        if failed:
            self._count_repeats()

    def _count_repeats(self) -> None:
        """Debezium sends once more what it had sent since it last kept its offset, before what is
        new: so there is something new to wait for."""
        self.transfers.step()
        self.cards.step()
        deadline = time.monotonic() + ARRIVAL_SECONDS
        before: dict[str, int] = {}
        ends = self.ends()
        while (ends != before or any(ends[t] < n for t, n in self._records().items())) and (
            time.monotonic() < deadline
        ):
            time.sleep(STILL_SECONDS)
            before, ends = ends, self.ends()
        for topic, records in self._records().items():
            self._repeats[topic] += max(0, ends[topic] - records)
        self.wait_for_kafka()

    def everything(self) -> Mark:
        """A group that has read nothing."""
        return Mark(fresh_name("group"))

    def from_now_on(self) -> Mark:
        """A group that has read all that was changed so far."""
        # What Debezium repeats after a restart lies before the mark.
        self.restart_connectors()
        self.wait_for_kafka()
        group = fresh_name("group")
        consumer = Consumer({"bootstrap.servers": self._brokers, "group.id": group})
        try:
            offsets = [TopicPartition(topic, 0, end) for topic, end in self.ends().items()]
            consumer.commit(offsets=offsets, asynchronous=False)
        finally:
            consumer.close()
        return Mark(group, len(self.transfers.changes), len(self.cards.changes))

    def changes_since(self, mark: Mark) -> list[Change]:
        """What was committed since then, each table's in the order of its commits."""
        return [*self.transfers.changes[mark.transfers :], *self.cards.changes[mark.cards :]]

    def committed(self, group: str) -> dict[str, int]:
        """What a group has committed; below 0 for nothing."""
        consumer = Consumer({"bootstrap.servers": self._brokers, "group.id": group})
        try:
            asked = [TopicPartition(topic, 0) for topic in TOPICS]
            return {each.topic: each.offset for each in consumer.committed(asked, timeout=30)}
        finally:
            consumer.close()


@contextlib.contextmanager
def opened_bank(kafka: Kafka, connect: Connect, mysql: MySql, postgres: Postgres) -> Iterator[Bank]:
    """A bank with some rows, whose connectors stream; all of it is gone after the block."""
    customers = Customers()
    with contextlib.ExitStack() as stack:
        delete_topics(kafka)
        stack.callback(delete_topics, kafka)
        bank = stack.enter_context(_mysql_database(mysql, "bank"))
        cards = stack.enter_context(fresh_postgres_database(postgres))
        tables = (Transfers(bank.url, customers), CardPayments(cards.url, customers))
        for table in tables:
            stack.callback(table.close)
            table.prepare()
        lookups = {
            "mysql": stack.enter_context(_mysql_database(mysql, fresh_name("customers"))),
            "postgresql": stack.enter_context(fresh_postgres_database(postgres)),
        }
        for database in lookups.values():
            customers.install(database)
        debezium = Debezium(connect, kafka)
        stack.callback(debezium.close)
        connectors = (
            debezium.mysql(bank, "transfers", topic__prefix="core"),
            debezium.postgres(cards, "card_payments", topic__prefix="cards"),
        )
        opened = Bank(kafka, customers, tables, lookups, connectors)
        opened.wait_for_kafka()
        yield opened


def delete_topics(kafka: Kafka) -> None:
    """Deletes the bank's topics; returns when they are gone."""
    with AdminClient({"bootstrap.servers": kafka.brokers}) as admin:
        names = _topics_there(admin)
        if names:
            for deleted in admin.delete_topics(names).values():
                deleted.result(timeout=30)
        while _topics_there(admin):
            time.sleep(0.1)


def _topics_there(admin: AdminClient) -> list[str]:
    return [name for name in TOPICS if name in admin.list_topics(timeout=30).topics]


@contextlib.contextmanager
def _mysql_database(server: MySql, name: str) -> Iterator[Database]:
    """A new database of this very name: Debezium puts it into the topic's."""
    engine = sqlalchemy.create_engine(server.url, poolclass=sqlalchemy.NullPool)

    def run(*statements: str) -> None:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    run(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield Database(server, name)
    finally:
        run(f"DROP DATABASE {name}")


def tables_of(bank: Bank) -> tuple[Workload, Workload]:
    """Both tables of a bank."""
    return bank.transfers, bank.cards


def _end(consumer: Consumer, topic: str) -> int:
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1])
    except KafkaException as error:
        # The connector makes a topic with its first record.
        code = KafkaError._UNKNOWN_PARTITION  # noqa: SLF001  (the name of a code, whatever it looks like)
        if error.args[0].code() == code:
            return 0
        raise
