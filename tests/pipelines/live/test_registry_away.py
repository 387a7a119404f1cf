"""A schema registry that goes away under a job that follows: its records wait, and none is lost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipeline_io.schema_registry import SchemaRegistry
from tests.pipelines.live.item_job import ItemTopic, item_flags, item_script
from tests.pipelines.live.job_process import JobProcess
from tests.pipelines.live.received import read_dead_letters
from tests.pipelines.recorded import ITEM_FIELDS, event, item
from tests.stack.schema_registry import API
from tests.stack.servers import Kafka, Registry
from tests.stack.topics import PubSubTopic, Topics

ADDED = {"name": "note", "type": ["null", "string"]}


class Backup:
    """The registry's schemas with their ids: it keeps them in memory alone."""

    def __init__(self, registry: Registry) -> None:
        self._admin = f"{registry.url.removesuffix(API)}/apis/registry/v3/admin"
        answer = httpx.get(f"{self._admin}/export", headers={"Accept": "application/zip"})
        answer.raise_for_status()
        self._zip = answer.content

    def restore(self) -> None:
        headers = {"Content-Type": "application/zip"}
        httpx.post(f"{self._admin}/import", content=self._zip, headers=headers).raise_for_status()


@contextlib.contextmanager
def killed(registry: Registry) -> Iterator[None]:
    """It is gone within the block, and comes back after it, without what it had in memory."""
    registry.kill()
    try:
        yield
    finally:
        registry.start()


class Names:
    """The names that have arrived at Pub/Sub."""

    def __init__(self, topic: PubSubTopic) -> None:
        self._topic = topic
        self.seen: list[str] = []

    def has(self, *names: str) -> bool:
        self.seen += [json.loads(message.data)["name"] for message in self._topic.pull(100, 0.5)]
        return set(names) <= set(self.seen)


@pytest.mark.slow
def test_records_of_a_new_schema_wait_for_a_registry_that_was_killed(
    kafka: Kafka, registry: Registry, topic: Topics, pubsub_topic: PubSubTopic, tmp_path: Path
) -> None:
    name = topic(name="items")
    old = ItemTopic(kafka, registry, name)
    new = ItemTopic(kafka, registry, name, [*ITEM_FIELDS, ADDED])
    assert new.schema_id != old.schema_id
    names = Names(pubsub_topic)
    flags = item_flags(
        tmp_path, item_script(tmp_path, name), kafka.brokers, registry.url, pubsub_topic, name
    )
    job = JobProcess(
        ["pipelines.sql_job", *flags, "--follow"],
        tmp_path,
        {"PUBSUB_EMULATOR_HOST": pubsub_topic.address},
    )
    try:
        old.send(old.value(event("c", item(1, name="before"))))
        job.wait_until(lambda: names.has("before"))
        backup = Backup(registry)
        with killed(registry):
            new.send(
                *(
                    new.value(event("c", {**item(number, name=f"new {number}"), "note": "n"}))
                    for number in range(20)
                )
            )
            # What is known already is no reason to wait, but comes behind what does.
            old.send(old.value(event("c", item(2, name="old"))))
            job.wait_for_words(f"schema registry: waiting for schema id {new.schema_id}")
        # It is there again, and has nothing yet of what it had.
        job.wait_for_words(f"it does not have schema id {old.schema_id} either")
        assert not names.has("old")
        backup.restore()
        assert SchemaRegistry((registry.url,)).schema(new.schema_id)
        job.wait_until(lambda: names.has("old", *(f"new {number}" for number in range(20))))
        assert job.stop() == 0, job.said
    finally:
        job.kill()
    assert len(names.seen) == 22
    assert read_dead_letters(tmp_path / "out") == []


@pytest.mark.slow
def test_a_registry_that_hangs_in_mid_run_is_waited_for(
    kafka: Kafka, registry: Registry, topic: Topics, pubsub_topic: PubSubTopic, tmp_path: Path
) -> None:
    name = topic(name="items")
    new = ItemTopic(kafka, registry, name)
    names = Names(pubsub_topic)
    flags = item_flags(
        tmp_path, item_script(tmp_path, name), kafka.brokers, registry.url, pubsub_topic, name
    )
    job = JobProcess(
        ["pipelines.sql_job", *flags, "--follow"],
        tmp_path,
        {"PUBSUB_EMULATOR_HOST": pubsub_topic.address},
    )
    try:
        job.wait_for_words(", for ever")
        with registry.paused():
            new.send(new.value(event("c", item(1, name="first"))))
            job.wait_for_words(f"schema registry: waiting for schema id {new.schema_id}")
        job.wait_until(lambda: names.has("first"))
        assert job.stop() == 0, job.said
    finally:
        job.kill()
    assert read_dead_letters(tmp_path / "out") == []
