"""Servers that go away in mid-stream and come back: the job waits, says so, and loses nothing."""

from __future__ import annotations

import time

import pytest

from tests.pipelines.live.bank import Bank
from tests.pipelines.live.conftest import StartJob
from tests.pipelines.live.received import Received, wait_quietly
from tests.stack.servers import Kafka, MySql, Postgres, PubSub


def test_a_customer_database_that_is_stopped_is_waited_for(
    bank: Bank, received: Received, start_aml: StartJob, mysql: MySql
) -> None:
    mark = bank.from_now_on()
    job = start_aml(mark, "--follow", lookups="mysql")
    bank.run(10)
    received.wait_for(lambda: bank.changes_since(mark), job)
    with mysql.stopped():
        for _ in range(5):
            bank.cards.step()
        job.wait_for_words("attempt 2 of")
    # Its connector has lost the same database, and Debezium wants to be started again.
    bank.restart_connectors()
    bank.transfers.step()
    received.wait_for(lambda: bank.changes_since(mark), job)
    received.check(bank.changes_since(mark))
    assert job.stop() == 0, job.said


@pytest.mark.slow
def test_a_customer_database_that_hangs_is_waited_for(
    bank: Bank, received: Received, start_aml: StartJob, postgres: Postgres
) -> None:
    mark = bank.from_now_on()
    job = start_aml(mark, "--follow")
    bank.run(10)
    received.wait_for(lambda: bank.changes_since(mark), job)
    with postgres.paused():
        for _ in range(5):
            bank.transfers.step()
        assert wait_quietly(received, 3) == 0
        assert job.is_running
    received.wait_for(lambda: bank.changes_since(mark), job)
    received.check(bank.changes_since(mark))
    assert job.stop() == 0, job.said


def test_a_broker_that_is_stopped_is_waited_for(
    bank: Bank, received: Received, start_aml: StartJob, kafka: Kafka
) -> None:
    mark = bank.from_now_on()
    job = start_aml(mark, "--follow")
    bank.run(10)
    received.wait_for(lambda: bank.changes_since(mark), job)
    with kafka.stopped():
        bank.transfers.step()
        bank.cards.step()
        time.sleep(3)
    received.wait_for(lambda: bank.changes_since(mark), job)
    received.check(bank.changes_since(mark))
    assert job.stop() == 0, job.said


@pytest.mark.slow
def test_a_pubsub_that_hangs_is_waited_for(
    bank: Bank, received: Received, start_aml: StartJob, pubsub: PubSub
) -> None:
    mark = bank.from_now_on()
    job = start_aml(mark, "--follow")
    bank.run(10)
    received.wait_for(lambda: bank.changes_since(mark), job)
    with pubsub.paused():
        bank.run(10)
        time.sleep(3)
        assert job.is_running, job.said
    received.wait_for(lambda: bank.changes_since(mark), job)
    received.check(bank.changes_since(mark))
    assert job.stop() == 0, job.said
