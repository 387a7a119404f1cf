"""Jobs that read a subscription on DirectRunner: what is delivered, acknowledged and told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from google.pubsub_v1.types import PubsubMessage

from pipelines import splunk, sql_job
from tests.pipelines.live.subscription_job import SubscriptionJob, publish
from tests.pipelines.recorded import json_lines
from tests.stack.servers import PubSub
from tests.stack.topics import PubSubTopic, publisher


@pytest.fixture
def job(pubsub_topic: PubSubTopic, tmp_path: Path) -> SubscriptionJob:
    return SubscriptionJob(pubsub_topic, tmp_path)


def run(job: SubscriptionJob, *flags: str) -> int:
    return sql_job.main([f"--job={job.script}", f"--output_dir={job.output}", *flags])


def test_a_run_reads_until_nothing_comes_and_acknowledges_it(
    pubsub: PubSub,
    pubsub_topic: PubSubTopic,
    job: SubscriptionJob,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with publisher(pubsub) as client:
        publish(client, pubsub_topic, range(1_500))
        client.publish(
            topic=pubsub_topic.topic,
            messages=[
                PubsubMessage(data=payload)
                for payload in (b"nope", b'{"id": "x"}', b'{"id": null}')
            ],
        )
    assert run(job) == 0

    rows = json_lines(job.output / "rows.jsonl")
    assert sorted(row["id"] for row in rows) == list(range(1_500))
    assert {(row["name"], row["source"]) for row in rows if row["id"] == 7} == {("N7", "test")}
    letters = json_lines(job.output / "dead_letters.jsonl")
    assert sorted(letter["payload"] for letter in letters) == [
        "bm9wZQ==",
        "eyJpZCI6ICJ4In0=",
        "eyJpZCI6IG51bGx9",
    ]
    assert {letter["topic"] for letter in letters} == {pubsub_topic.subscription}
    said = capsys.readouterr().out
    assert "until no message has come for 2 s" in said
    assert "no message has come for 2 s; --follow goes on with what comes" in said
    assert pubsub_topic.drain() == []


def test_messages_of_a_run_that_failed_come_again(
    pubsub: PubSub,
    pubsub_topic: PubSubTopic,
    job: SubscriptionJob,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with publisher(pubsub) as client:
        publish(client, pubsub_topic, range(100))
    # A folder where the file should be.
    (job.output / "rows.jsonl").mkdir(parents=True)
    (job.output / "rows.jsonl" / "in-the-way").touch()
    assert run(job) == 1

    assert len(pubsub_topic.pull(100)) == 100


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--runner=PrismRunner",), 2, "a subscription has no end, and on PrismRunner"),
        (("--recording=x",), 2, "a recording stands in for topics of Kafka alone"),
    ],
)
def test_what_cannot_work_is_told_before_a_message_is_read(
    job: SubscriptionJob, capsys: pytest.CaptureFixture[str], flags: Any, code: int, said: str
) -> None:
    assert run(job, *flags) == code
    assert said in capsys.readouterr().err


def test_a_subscription_that_is_not_there_is_told(
    pubsub_topic: PubSubTopic, job: SubscriptionJob, capsys: pytest.CaptureFixture[str]
) -> None:
    name = pubsub_topic.subscription.rpartition("/")[2]
    job.script.write_text(job.script.read_text().replace(name, "nowhere"))
    assert run(job) == 1
    assert re.search("subscriptions/nowhere does not exist .*create it", capsys.readouterr().err)


def test_two_tables_of_one_subscription_are_refused(
    job: SubscriptionJob, capsys: pytest.CaptureFixture[str]
) -> None:
    text = job.script.read_text()
    twice = text.split("CREATE TABLE rows_read")[0].replace("TABLE events", "TABLE more")
    insert = "INSERT INTO rows_read SELECT id, name, message_id, source FROM more;"
    job.script.write_text("\n".join([twice, text, insert]))
    assert run(job) == 2
    assert "are the same subscription" in capsys.readouterr().err


def test_windows_over_a_subscription_are_refused(
    job: SubscriptionJob, capsys: pytest.CaptureFixture[str]
) -> None:
    text = job.script.read_text().split("INSERT INTO")[0]
    columns = "id, MAX(name), MAX(message_id), MAX(source)"
    insert = "INSERT INTO rows_read SELECT", columns, "FROM events GROUP BY id;"
    job.script.write_text(" ".join([text, *insert]))
    assert run(job) == 2
    assert "statements that look at several rows read topics of Kafka" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "--subscription is missing"),
        (("--subscription=s",), "--pubsub_project is missing"),
        (("--subscription=a/b",), "expected an id, or projects/P/subscriptions/S"),
        (("--subscription=projects/p/subscriptions/sub",), "--splunk_url is missing"),
        (
            ("--subscription=projects/p/subscriptions/s", "--pubsub_project=q"),
            "are of two projects",
        ),
        (
            (
                "--subscription=projects/p/subscriptions/sub",
                "--splunk_url=https://h:8088",
                "--splunk_token=hunter2",
            ),
            "'token' is given as plain text",
        ),
    ],
)
def test_flags_of_the_splunk_pipeline_are_checked(
    capsys: pytest.CaptureFixture[str], flags: Any, said: str
) -> None:
    assert splunk.main(list(flags)) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "hunter2" not in told


def test_the_splunk_pipeline_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    flags = [
        "--subscription=projects/p/subscriptions/sub",
        "--splunk_url=https://h:8088",
        "--splunk_max_events_per_second=250",
        "--splunk_max_in_flight=3",
        "--subscription_streams=2",
        "--splunk_index=it's",
        "--explain",
    ]
    for payload in ("event", "envelope"):
        assert splunk.main([*flags, f"--payload={payload}"]) == 0
        said = capsys.readouterr().out
        for line in (
            "sink.max-events-per-second = 250.0",
            "sink.requests-in-flight = 3",
            "scan.streams = 2",
            "index = it's",
            "token = ***",
        ):
            assert f"  {line}\n" in said
