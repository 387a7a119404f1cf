"""A cluster for the tests of a module, with the AML job on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.deployment import Deployment, Servers, deploy, new_cluster
from tests.pipelines.live.bank import Bank
from tests.stack.home import home
from tests.stack.servers import FlinkHome, Kafka, PubSub, Registry
from tests.stack.topics import fresh_pubsub_topic


@pytest.fixture(scope="session")
def run_mark() -> Path:
    """What ends with the servers of this run, whatever becomes of the run itself."""
    return home() / "run" / f"session-{os.getpid()}"


@pytest.fixture(scope="module")
def deployment(
    flink_home: FlinkHome,
    bank: Bank,
    kafka: Kafka,
    registry: Registry,
    pubsub: PubSub,
    run_mark: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    """The AML job on a cluster that has just started."""
    folder = tmp_path_factory.mktemp("cluster")
    mark = bank.from_now_on()
    with fresh_pubsub_topic(pubsub) as topic:
        servers = Servers(kafka, registry, bank, topic)
        with new_cluster(flink_home, servers.environment, folder, run_mark) as cluster:
            yield deploy(cluster, servers, mark)
