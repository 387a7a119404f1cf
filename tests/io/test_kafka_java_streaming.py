"""KafkaIO without an end, on the runners that stream it: nothing is lost, whatever is killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.io.kafka_java_running import Job, produce, until, worker_pool
from tests.stack.flink import newest_checkpoint, restore_from
from tests.stack.servers import BeamJava, Flink, Kafka, Prism
from tests.stack.topics import Topics

PARTITIONS = 3


def job(kafka: Kafka, java: BeamJava, topic: str, folder: Path, *flags: str, **given: Any) -> Job:
    told = {
        "brokers": kafka.brokers,
        "topics": [topic],
        "expansion_service": java.expansion_address,
        "makes_batches": True,
        **given,
    }
    return Job(told, ["--streaming", *flags], folder)


@pytest.mark.parametrize("makes_batches", [False, True])
def test_prism_delivers_a_backlog_and_then_what_comes(
    kafka: Kafka,
    beam_java: BeamJava,
    prism: Prism,
    topic: Topics,
    tmp_path: Path,
    makes_batches: bool,
) -> None:
    name = topic(PARTITIONS)
    produce(kafka.brokers, name, PARTITIONS, range(20_000))
    running = job(
        kafka,
        beam_java,
        name,
        tmp_path,
        "--runner=PrismRunner",
        f"--prism_location={prism.binary}",
        "--environment_type=LOOPBACK",
        makes_batches=makes_batches,
    )
    running.submit()
    try:
        running.wait_for(20_000)
        produce(kafka.brokers, name, PARTITIONS, range(20_000, 20_300))
        running.wait_for(20_300)
    finally:
        running.kill()


FLINK_FLAGS = (
    "--runner=PortableRunner",
    "--parallelism=1",
    "--checkpointing_interval=500",
    "--max_bundle_time_mills=200",
    "--finish_bundle_before_checkpointing",
    "--externalized_checkpoints_enabled",
    "--retain_externalized_checkpoints_on_cancellation",
)


@pytest.mark.slow
def test_flink_loses_nothing_whatever_is_killed(
    kafka: Kafka, beam_java: BeamJava, fresh_flink: Flink, topic: Topics, tmp_path: Path
) -> None:
    flink, total = fresh_flink, 150_000
    name = topic(PARTITIONS)
    produce(kafka.brokers, name, PARTITIONS, range(total))
    with worker_pool(tmp_path) as pool:
        running = job(
            kafka,
            beam_java,
            name,
            tmp_path,
            *FLINK_FLAGS,
            f"--job_endpoint={flink.job_endpoint}",
            "--environment_type=EXTERNAL",
            f"--environment_config={pool.address}",
            batch_size=250,
            # There must be a backlog left to be killed in.
            pause_seconds=0.05,
        )
        running.submit()
        try:
            running.wait_for(5_000)
            assert pool.kill_workers() >= 1
            running.wait_for(15_000)
            beam_java.kill()
            beam_java.start()
            running.wait_for(25_000)
            flink.kill()
            running.kill()
            assert len(set(running.seen())) < total, "the backlog was gone before the last kill"
            checkpoint = newest_checkpoint(Path(flink.text("checkpoints")))
            assert checkpoint is not None
            restore_from(Path(flink.text("configuration")), checkpoint)
            flink.start()
            before = len(running.seen())
            running.submit()
            running.wait_for(total)
            produce(kafka.brokers, name, PARTITIONS, range(total, total + 300))
            running.wait_for(total + 300)
        finally:
            running.kill()
    expected = {(number % PARTITIONS, number // PARTITIONS) for number in range(total + 300)}
    assert set(running.seen()) == expected
    # Had it begun anew, the second submission would have read everything once more.
    assert len(running.seen()) - before < total + 300


def test_flink_delivers_a_backlog_record_by_record_without_the_projects_java(
    kafka: Kafka, beam_java: BeamJava, fresh_flink: Flink, topic: Topics, tmp_path: Path
) -> None:
    name = topic(PARTITIONS)
    produce(kafka.brokers, name, PARTITIONS, range(20_000))
    running = job(
        kafka,
        beam_java,
        name,
        tmp_path,
        *FLINK_FLAGS,
        f"--job_endpoint={fresh_flink.job_endpoint}",
        "--environment_type=LOOPBACK",
        makes_batches=False,
    )
    running.submit()
    try:
        until(lambda: len(set(running.seen())) == 20_000, "the backlog", running.report)
    finally:
        running.kill()
    assert len(running.seen()) == 20_000
