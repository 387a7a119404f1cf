"""`kami lag` beside real consumers, and as a user without rights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer

from kami.cli import main
from kami.lag import Edges, Nothing, Partition, Seen
from kami.lag_oldest import Asked
from tests.kami.lag.live_lag import LiveLag, kafka_exporter, now_ms
from tests.stack import servers
from tests.stack.databases import fresh_name
from tests.stack.topics import Topics


def test_a_consumer_that_has_read_and_committed_everything_has_no_lag(
    live: LiveLag, kafka: servers.Kafka, topic: Topics
) -> None:
    name, group = topic(partitions=2), fresh_name("group")
    live.transaction(name, now_ms() - 60_000, now_ms() - 50_000)
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.brokers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    labels = {"group": group, "topic": name}
    with kafka_exporter(kafka.brokers, (group,), 8) as exporter:
        consumer.subscribe([name])
        first = consumer.poll(30)
        assert first
        found = exporter.scrape()
        assert found.value("kamiflow_consumer_group_members", group=group) == 1
        assert found.value("kamiflow_consumer_group_commits", group=group) == 0
        assert found.value("kamiflow_consumer_lag_records", **labels, partition="0") is None
        assert found.value("kamiflow_consumer_uncommitted_records", **labels, partition="0") == 3

        consumer.commit(message=first, asynchronous=False)
        found = exporter.scrape()
        # The second record and the marker of the transaction behind it.
        assert found.value("kamiflow_consumer_lag_records", **labels, partition="0") == 2
        seconds = found.value("kamiflow_consumer_lag_seconds", **labels, partition="0")
        assert seconds is not None
        assert 50 <= seconds < 100

        second = consumer.poll(30)
        assert second
        consumer.commit(message=second, asynchronous=False)
        found = exporter.scrape()
        # The marker alone is left: the high watermark is 3, and the group stays at 2.
        assert found.value("kamiflow_consumer_committed_offset", **labels, partition="0") == 2
        assert found.value("kamiflow_topic_end_offset", topic=name, partition="0") == 3
        assert found.value("kamiflow_consumer_lag_records", **labels, partition="0") == 0
        assert found.value("kamiflow_consumer_group_lag_seconds", group=group) == 0
    consumer.close()


def test_a_user_without_rights_is_told_which_it_needs(kafka: servers.Kafka, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(kafka.text("stranger_password"))
    client = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": kafka.text("stranger_username"),
        "sasl.password": f"file://{password}",
    }
    path = tmp_path / "topics.yaml"
    path.write_text(yaml.safe_dump({"brokers": kafka.sasl_brokers, "client": client}))
    lag = ["lag", "--file", str(path)]
    result = CliRunner().invoke(main, [*lag, "--group", "loader"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "group 'loader': not allowed (GROUP_AUTHORIZATION_FAILED)" in result.stderr
    assert "needs DESCRIBE on the group" in result.stderr
    # Brokers list no group that one may not see.
    result = CliRunner().invoke(main, lag)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "know no group of '*' that this user may see" in result.stderr

    password.write_text("another")
    result = CliRunner().invoke(main, lag)
    assert result.exit_code == 2
    assert "check the user, the password and sasl.mechanism" in result.stderr


def test_properties_that_a_consumer_cannot_have_are_told(
    kafka: servers.Kafka, tmp_path: Path
) -> None:
    path = tmp_path / "topics.yaml"
    client = {"max.poll.interval.ms": "10"}
    path.write_text(yaml.safe_dump({"brokers": kafka.brokers, "client": client}))
    result = CliRunner().invoke(main, ["lag", "--file", str(path)])
    assert result.exit_code == 2
    assert f"{path}: the properties of `client` are not taken" in result.stderr
    assert "max.poll.interval.ms" in result.stderr


def test_many_partitions_and_groups_are_read_in_one_go(
    live: LiveLag, kafka: servers.Kafka, topic: Topics
) -> None:
    """Each batch is larger than what a consumer asks for by the partition."""
    name, group = topic(partitions=20), fresh_name("group")
    producer = Producer({"bootstrap.servers": kafka.brokers, "linger.ms": 1000})
    for partition in range(20):
        for _ in range(8):
            producer.produce(name, b"x" * 100_000, partition=partition)
    assert producer.flush(60) == 0
    for offset in (0, 3):
        live.commit(f"{group}-{offset}", name, *[offset] * 20)
    code, rows, told = live.run(f"{group}-*")
    assert (code, told) == (0, "")
    assert [row["records"] for row in rows] == [8] * 20 + [5] * 20


class Silent:
    """Looks up records in partitions that do not answer, and knows where there are none."""

    def __init__(self, *_: object) -> None:
        pass

    def look(
        self, asked: Iterable[Asked], edges: Mapping[Partition, Edges], _: float
    ) -> dict[Asked, Seen]:
        at_end = [one for one in asked if one.begin >= edges[one.partition].end]
        return {one: Seen(Nothing(one.begin), one.stands) for one in at_end}

    def close(self) -> None:
        pass


def test_a_partition_that_gives_no_record_is_unknown_and_so_is_the_sum(
    live: LiveLag, kafka: servers.Kafka, topic: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kami.lag_kafka.OldestRecords", Silent)
    name, group = topic(partitions=2), fresh_name("group")
    live.produce(name, now_ms())
    live.commit(group, name, 0, 0)
    code, (row, other), told = live.run(group)
    assert code == 3
    assert (row["end"], row["records"], row["seconds"], row["note"]) == (1, None, None, "not read")
    assert other["records"] == 0
    assert f"partition 0 of {name!r} gives no record" in told
    with kafka_exporter(kafka.brokers, (group,), 8) as exporter:
        found = exporter.scrape()
    assert found.value("kamiflow_lag_up", source="kafka") == 1
    assert found.value("kamiflow_lag_errors_total", source="kafka") == 1
    assert found.value("kamiflow_topic_end_offset", topic=name, partition="0") == 1
    assert found.value("kamiflow_consumer_group_commits", group=group) == 2
    assert found.value("kamiflow_consumer_group_lag_records", group=group) is None
