"""The velocity job over a live topic: the windows that the records' own times make."""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from pipeline_io.recording import Recording, RecordingSchemas
from pipelines import aml_velocity
from tests.pipelines.live.job_process import JobProcess
from tests.pipelines.live.runner_flags import runner_flags
from tests.pipelines.test_aml_velocity import expected, told, values
from tests.stack.replay import Replay
from tests.stack.servers import BeamJava, Kafka, Registry
from tests.stack.topics import PubSubTopic, Topics
from transforms.avro import choose_decoder, decode

TOPIC = "core.bank.transfers"
MICROSECONDS = 1_000_000


def recorded_transfers() -> pl.DataFrame:
    """Each record of the topic: `op` (NULL for a tombstone), and the row it was created with."""
    folder = str(aml_velocity.RECORDING)
    frames = []
    for batch in Recording(folder, TOPIC).batches(100_000):
        values = pa.array(batch.column("value").to_pylist(), pa.large_binary())
        decoded = decode(values, RecordingSchemas(folder), choose_decoder())
        assert not decoded.failures
        for group in decoded.groups:
            rows = pl.DataFrame(group.rows)
            after = rows["after"].struct
            frames.append(
                pl.DataFrame(
                    {
                        "position": group.positions.tolist(),
                        "op": rows["op"],
                        "account_id": after.field("account_id"),
                        "currency": after.field("currency"),
                        "amount": after.field("amount").cast(pl.String),
                        "at": after.field("created_at").cast(pl.Int64),
                    }
                )
            )
    return pl.concat(frames).sort("position")


def iso(microseconds: int) -> str:
    at = datetime.datetime.fromtimestamp(microseconds / MICROSECONDS, datetime.timezone.utc)
    return at.replace(tzinfo=None).isoformat()


def times_of_records(rows: pl.DataFrame) -> Iterator[int]:
    """Kafka's time of each record in milliseconds: that of the newest transfer up to it."""
    created = dict(rows.filter(pl.col("op") == "c").select("position", "at").iter_rows())
    first = min(created.values())
    times = (created.get(place, first) for place in itertools.count())
    return (microseconds // 1000 for microseconds in itertools.accumulate(times, max))


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["prism", "flink"])
def test_windows_over_a_live_topic_are_those_of_the_records_own_times(
    kafka: Kafka,
    registry: Registry,
    beam_java: BeamJava,
    pubsub_topic: PubSubTopic,
    topic: Topics,
    tmp_path: Path,
    runner: str,
    request: pytest.FixtureRequest,
) -> None:
    chosen = runner_flags(request, runner)
    name = topic(partitions=1)
    replay = Replay(Path(aml_velocity.RECORDING), kafka.brokers, registry.url, {TOPIC: name})
    rows = recorded_transfers()
    sent = replay.send(timestamps=times_of_records(rows))
    created: list[dict[str, Any]] = [
        {**row, "at": iso(row["at"])} for row in rows.filter(pl.col("op") == "c").to_dicts()
    ]
    wanted = expected(created, values())
    assert sent > len(created) > 300
    assert wanted
    script = tmp_path / "velocity.sql"
    text = aml_velocity.SCRIPT.read_text(encoding="utf-8").replace(TOPIC, name)
    script.write_text(text)

    flags = [*chosen.flags]
    if runner == "prism":
        # The watermark has to follow the records' times.
        flags += ["--kafka_reader=java", "--java_batches", "--environment_type=LOOPBACK"]
        flags += [f"--expansion_service={beam_java.expansion_address}"]
    job = JobProcess(
        [
            "pipelines.sql_job",
            f"--job={script}",
            *(f"--variable={key}={value}" for key, value in values().items()),
            f"--kafka_brokers={kafka.brokers}",
            f"--schema_registry={registry.url}",
            "--kafka_start=earliest",
            f"--pubsub_project={pubsub_topic.project}",
            f"--pubsub_topic={pubsub_topic.name}",
            f"--output_dir={tmp_path}",
            "--follow",
            *flags,
        ],
        tmp_path,
        {"PUBSUB_EMULATOR_HOST": pubsub_topic.address},
    )
    messages: set[bytes] = set()

    def has_all() -> bool:
        messages.update(message.data for message in pubsub_topic.pull(1000, 1))
        return len(messages) >= len(wanted)

    try:
        job.wait_until(has_all)
        has_all()
        assert told([json.loads(message) for message in messages]) == wanted
        assert job.stop() == 0, job.said
    finally:
        job.kill()
    dead = tmp_path / "dead_letters.jsonl"
    assert not dead.exists() or not dead.read_text(encoding="utf-8")
