"""Fixtures of pytest for the real servers: each is started at its first use and ends with pytest.

A part that this machine cannot run skips its tests with the reason; where CI is true it fails them.
A stack that was started by hand is used as it is and left running.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import pytest

from tests.stack import servers
from tests.stack.part import Missing, StackError
from tests.stack.parts import PARTS
from tests.stack.session import Session

# Every run of pytest loads this file: what loads the clients of servers waits for its first use.
if TYPE_CHECKING:
    from tests.stack.databases import Database
    from tests.stack.debezium import Connector, Debezium
    from tests.stack.spanner_databases import SpannerDatabase
    from tests.stack.topics import PubSubTopic, Topics

_Server = TypeVar("_Server", bound=servers.Server)

_SESSION = pytest.StashKey[Session]()

MakeConnector: TypeAlias = "Callable[..., Connector]"


@pytest.fixture(scope="session")
def stack_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """The parts of this run. All that its tests ask for begin to start at the first use of one."""
    opened = Session()
    request.config.stash[_SESSION] = opened
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    opened.begin(name for name in PARTS if name in wanted)
    yield opened
    opened.close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Brings back what a test has stopped or frozen, and its own fixtures have not."""
    if session := item.config.stash.get(_SESSION, None):
        session.repair()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends everything when a run was interrupted in the middle of its fixtures."""
    if session := config.stash.get(_SESSION, None):
        session.close()


def _server(session: Session, name: str, kind: type[_Server]) -> _Server:
    try:
        return session.server(name, kind)
    except Missing as error:
        reason = f"{name} cannot be used on this machine: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI runs every test, but {reason}", pytrace=False)
        pytest.skip(reason)
    except StackError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def kafka(stack_session: Session) -> servers.Kafka:
    """A broker."""
    return _server(stack_session, "kafka", servers.Kafka)


@pytest.fixture(scope="session")
def registry(stack_session: Session) -> servers.Registry:
    """A schema registry."""
    return _server(stack_session, "registry", servers.Registry)


@pytest.fixture(scope="session")
def mysql(stack_session: Session) -> servers.MySql:
    """A MySQL server."""
    return _server(stack_session, "mysql", servers.MySql)


@pytest.fixture(scope="session")
def postgres(stack_session: Session) -> servers.Postgres:
    """A PostgreSQL server."""
    return _server(stack_session, "postgres", servers.Postgres)


@pytest.fixture(scope="session")
def connect(stack_session: Session) -> servers.Connect:
    """A Kafka Connect worker with Debezium."""
    return _server(stack_session, "connect", servers.Connect)


@pytest.fixture(scope="session")
def pubsub(stack_session: Session) -> servers.PubSub:
    """The Pub/Sub emulator."""
    return _server(stack_session, "pubsub", servers.PubSub)


@pytest.fixture(scope="session")
def spanner(stack_session: Session) -> servers.Spanner:
    """The Spanner emulator."""
    return _server(stack_session, "spanner", servers.Spanner)


@pytest.fixture(scope="session")
def bigquery(stack_session: Session) -> servers.BigQuery:
    """An emulator of BigQuery."""
    return _server(stack_session, "bigquery", servers.BigQuery)


@pytest.fixture(scope="session")
def beam_java(stack_session: Session) -> servers.BeamJava:
    """Beam's Java transforms."""
    return _server(stack_session, "beam_java", servers.BeamJava)


@pytest.fixture(scope="session")
def prism(stack_session: Session) -> servers.Prism:
    """Beam's Prism runner."""
    return _server(stack_session, "prism", servers.Prism)


@pytest.fixture(scope="session")
def flink(stack_session: Session) -> servers.Flink:
    """Beam's Flink runner."""
    return _server(stack_session, "flink", servers.Flink)


@pytest.fixture(scope="session")
def flink_home(stack_session: Session) -> servers.FlinkHome:
    """Flink itself, for clusters of processes."""
    return _server(stack_session, "flink_home", servers.FlinkHome)


@pytest.fixture
def fresh_flink(flink: servers.Flink) -> Iterator[servers.Flink]:
    """A Flink whose jobs and whose checkpoint to restore are forgotten after the test."""
    from tests.stack.flink import restore_from

    yield flink
    restore_from(Path(flink.text("configuration")), None)
    # A job whose launcher is gone would be started again and again.
    flink.kill()
    flink.start()


@pytest.fixture
def topic(kafka: servers.Kafka) -> Iterator[Topics]:
    """Makes topics of Kafka: `topic(partitions=3)` gives the name of a new one."""
    from tests.stack.topics import Topics

    topics = Topics(kafka)
    yield topics
    kafka.repair()
    topics.close()


@pytest.fixture
def mysql_database(mysql: servers.MySql) -> Iterator[Database]:
    """An empty database of this test."""
    from tests.stack.databases import fresh_mysql_database

    with ExitStack() as stack:
        database = stack.enter_context(fresh_mysql_database(mysql))
        stack.callback(mysql.repair)
        yield database


@pytest.fixture
def postgres_database(postgres: servers.Postgres) -> Iterator[Database]:
    """An empty database of this test."""
    from tests.stack.databases import fresh_postgres_database

    with ExitStack() as stack:
        database = stack.enter_context(fresh_postgres_database(postgres))
        stack.callback(postgres.repair)
        yield database


@pytest.fixture
def spanner_database(
    spanner: servers.Spanner, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SpannerDatabase]:
    """An empty database of this test; SPANNER_EMULATOR_HOST names the emulator meanwhile."""
    from tests.stack.spanner_databases import fresh_spanner_database

    monkeypatch.setenv("SPANNER_EMULATOR_HOST", spanner.address)
    with fresh_spanner_database(spanner) as database:
        yield database


@pytest.fixture
def pubsub_topic(pubsub: servers.PubSub) -> Iterator[PubSubTopic]:
    """A topic of this test with a subscription to it."""
    from tests.stack.topics import fresh_pubsub_topic

    with fresh_pubsub_topic(pubsub) as made:
        yield made
        pubsub.repair()


@pytest.fixture
def ordered_pubsub_topic(pubsub: servers.PubSub) -> Iterator[PubSubTopic]:
    """A topic whose subscription keeps the order of each ordering key."""
    from tests.stack.topics import fresh_pubsub_topic

    with fresh_pubsub_topic(pubsub, ordered=True) as made:
        yield made
        pubsub.repair()


@pytest.fixture
def debezium_mysql(
    stack_session: Session,
    kafka: servers.Kafka,
    connect: servers.Connect,
    mysql_database: Database,
) -> Iterator[MakeConnector]:
    """`debezium_mysql(database, "table", ...)`: a connector that streams; see Debezium.mysql."""
    with _debezium(stack_session, kafka, connect) as opened:
        yield opened.mysql


@pytest.fixture
def debezium_postgres(
    stack_session: Session,
    kafka: servers.Kafka,
    connect: servers.Connect,
    postgres_database: Database,
) -> Iterator[MakeConnector]:
    """`debezium_postgres(database, "table", ...)`: one that streams; see Debezium.postgres."""
    with _debezium(stack_session, kafka, connect) as opened:
        yield opened.postgres


@contextmanager
def _debezium(
    session: Session, kafka: servers.Kafka, connect: servers.Connect
) -> Iterator[Debezium]:
    from tests.stack.debezium import Debezium

    # Torn down before the database, which cannot be dropped while a connector reads it.
    opened = Debezium(connect, kafka)
    try:
        yield opened
    finally:
        session.repair()
        opened.close()
