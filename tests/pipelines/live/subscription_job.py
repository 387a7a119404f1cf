"""A job that reads a subscription into a file, and the messages that it is given."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.types import PubsubMessage

from tests.pipelines.live.job_process import JobProcess
from tests.stack.topics import PubSubTopic

SCRIPT = """
CREATE TABLE events (
  id BIGINT NOT NULL,
  name STRING,
  message_id STRING METADATA VIRTUAL,
  source STRING METADATA FROM 'attributes.source' VIRTUAL
) WITH (
  'connector' = 'pubsub',
  'project-name' = '{project}',
  'topic-subscription-name' = '{subscription}',
  'format' = 'json',
  'endpoint' = 'http://{address}',
  'scan.ack-deadline' = '10 s',
  'scan.idle-timeout' = '2 s',
  'scan.streams' = '1'
);
CREATE TABLE rows_read (id BIGINT, name STRING, message_id STRING, source STRING)
WITH ('connector' = 'filesystem', 'path' = '${{OUTPUT_DIR}}/rows.jsonl', 'format' = 'json');
INSERT INTO rows_read SELECT id, UPPER(name), message_id, source FROM events;
"""


def publish(client: PublisherClient, topic: PubSubTopic, numbers: Iterable[int]) -> None:
    """Messages of these numbers, a thousand a request."""
    messages = [
        PubsubMessage(
            data=b'{"id": %d, "name": "n%d"}' % (number, number), attributes={"source": "test"}
        )
        for number in numbers
    ]
    for start in range(0, len(messages), 1_000):
        client.publish(topic=topic.topic, messages=messages[start : start + 1_000])


class SubscriptionJob:
    """Starts the job in a folder that stays the same."""

    def __init__(self, topic: PubSubTopic, folder: Path, address: str = "") -> None:
        self.folder = folder
        self.script = folder / "job.sql"
        values = {
            "project": topic.project,
            "subscription": topic.subscription.rpartition("/")[2],
            "address": address or topic.address,
        }
        self.script.write_text(SCRIPT.format(**values), encoding="utf-8")
        self.output = folder / "out"

    def start(self, *flags: str) -> JobProcess:
        arguments = [
            "pipelines.sql_job",
            f"--job={self.script}",
            f"--output_dir={self.output}",
            *flags,
        ]
        return JobProcess(arguments, self.folder, {})

    def ids(self) -> list[int]:
        """Of all rows that the file has."""
        file = self.output / "rows.jsonl"
        if not file.exists():
            return []
        lines = file.read_text(encoding="utf-8").splitlines()
        return [int(json.loads(line)["id"]) for line in lines if line.endswith("}")]

    def letters(self) -> list[dict[str, object]]:
        """Its dead letters."""
        file = self.output / "dead_letters.jsonl"
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
