"""`kami lag` on a real broker: where groups stand, transactions, deletion, and a broker away."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from kami.cli import main
from tests.kami.lag.live_lag import Exporter, LiveLag, kafka_exporter, now_ms
from tests.kami.topics.live_topics import eventually
from tests.stack import servers
from tests.stack.databases import fresh_name
from tests.stack.topics import Topics


@pytest.fixture
def group() -> str:
    return fresh_name("group")


def sees_nothing(exporter: Exporter) -> float:
    """A scrape while nobody answers, by its count of errors: an old lag would be a lie, and 0."""
    found = exporter.scrape()
    assert found.value("kamiflow_lag_up", source="kafka") == 0
    assert "kamiflow_consumer" not in found.text
    errors = found.value("kamiflow_lag_errors_total", source="kafka")
    assert errors
    return errors


def test_a_group_is_behind_by_records_and_by_the_age_of_the_oldest(
    live: LiveLag, topic: Topics, group: str
) -> None:
    name = topic(partitions=3)
    live.produce(name, *[now_ms() - age for age in (90_000, 60_000, 30_000)])
    live.produce(name, now_ms() + 3_600_000, partition=1)
    live.commit(group, name, 1, 0, 0)
    code, rows, _ = live.run(group, "--topic", name)
    assert code == 0
    assert [(row["partition"], row["records"], row["lost"]) for row in rows] == [
        (0, 2, 0),
        (1, 1, 0),
        (2, 0, 0),
    ]
    assert [row["topic"] for row in rows] == [name] * 3
    assert 60 <= rows[0]["seconds"] < 80
    assert (rows[1]["seconds"], rows[2]["seconds"]) == (0, 0)
    assert rows[1]["note"].startswith("the record's time is 3")

    assert live.run(group, "--max-records", "3", "--max-seconds", "80")[0] == 0
    code, _, told = live.run(group, "--max-records", "2", "--max-seconds", "59")
    assert code == 1
    assert f"group {group!r}: 3 records, at most 2 are allowed" in told
    assert "s, at most 59 are allowed" in told

    live.commit(group, name, 3, 1, 0)
    assert live.lags(group) == [(0, 3, 0, 0, None), (1, 1, 0, 0, None), (2, 0, 0, 0, None)]


def test_markers_of_transactions_are_no_lag(live: LiveLag, topic: Topics, group: str) -> None:
    name = topic()
    live.transaction(name, now_ms())
    live.transaction(name, now_ms(), now_ms(), end="abort_transaction")
    # One record, its marker, two aborted ones, their marker: a group stands behind what it read.
    live.commit(group, name, 1)
    assert live.lags(group) == [(0, 1, 0, 0, None)]
    assert live.lags(group, "--isolation", "read_uncommitted") == [(0, 1, 3, 0, None)]
    live.produce(name, now_ms())
    assert live.lags(group) == [(0, 1, 1, 0, None)]


def test_records_of_an_open_transaction_are_not_yet_to_be_read(
    live: LiveLag, topic: Topics, group: str
) -> None:
    name = topic()
    live.produce(name, now_ms())
    producer = live.transaction(name, now_ms(), now_ms(), end="flush")
    live.produce(name, now_ms())
    live.commit(group, name, 1)
    assert live.lags(group) == [(0, 1, 0, 0, None)]
    with kafka_exporter(live.brokers, (group,), 8) as exporter:
        found = exporter.scrape()
        assert found.value("kamiflow_topic_undecided_records", topic=name, partition="0") == 3
        assert found.value("kamiflow_consumer_group_lag_records", group=group) == 0
        producer.commit_transaction(30)
        found = exporter.scrape()
        assert found.value("kamiflow_topic_undecided_records", topic=name, partition="0") == 0
        # Two records, one of another producer between them and their marker.
        assert found.value("kamiflow_consumer_group_lag_records", group=group) == 4


def test_what_was_removed_unread_is_lost_and_not_lag(
    live: LiveLag, topic: Topics, group: str
) -> None:
    name = topic()
    live.produce(name, *[now_ms()] * 5)
    live.commit(group, name, 1)
    live.delete_before(name, 4)
    assert live.lags(group) == [(0, 1, 1, 3, "3 removed unread")]
    live.commit(group, name, 9)
    assert live.lags(group) == [(0, 9, 0, 0, "the commit is 4 beyond the end")]


def test_a_marker_that_retention_removed_was_no_record(
    live: LiveLag, topic: Topics, group: str
) -> None:
    name = topic()
    live.transaction(name, now_ms())
    live.commit(group, name, 1)
    labels = {"group": group, "topic": name, "partition": "0"}
    with kafka_exporter(live.brokers, (group,), 8) as exporter:
        assert exporter.scrape().value("kamiflow_consumer_lag_records", **labels) == 0
        live.delete_before(name, 2)
        assert exporter.scrape().value("kamiflow_consumer_lost_records", **labels) == 0


def test_a_partition_without_a_commit_is_unknown_unless_it_is_said_where_groups_begin(
    live: LiveLag, topic: Topics, group: str
) -> None:
    name = topic(partitions=3)
    live.produce(name, *[now_ms()] * 2, partition=1)
    live.commit(group, name, 0)
    empty = (2, None, 0, 0, "no commit")
    assert live.lags(group) == [(0, 0, 0, 0, None), (1, None, None, None, "no commit"), empty]
    assert live.lags(group, "--reset", "earliest")[1:] == [(1, None, 2, 0, "no commit"), empty]
    assert live.lags(group, "--reset", "latest")[1:] == [(1, None, 0, 0, "no commit"), empty]
    code, _, told = live.run(group, "--max-records", "100")
    assert code == 1
    assert "the lag of 1 of its partitions is not known; --reset says where" in told


def test_a_group_that_is_not_there_is_an_error_and_not_a_lag_of_0(live: LiveLag) -> None:
    name = fresh_name("nobody")
    code, rows, told = live.run(name)
    assert (code, rows) == (2, [])
    assert f"the group {name!r} has no commits and no members" in told
    code, _, told = live.run(f"{name}*")
    assert code == 2
    assert "know no group of" in told


def test_groups_are_found_by_patterns_and_are_those_of_a_file(
    live: LiveLag, topic: Topics, group: str, tmp_path: Path
) -> None:
    name = topic()
    live.produce(name, *[now_ms()] * 3)
    live.commit(f"{group}-a", name, 1)
    live.commit(f"{group}-b", name, 2)
    code, rows, _ = live.run(f"{group}-?")
    assert code == 0
    assert [(row["group"], row["records"]) for row in rows] == [
        (f"{group}-a", 2),
        (f"{group}-b", 1),
    ]

    path = tmp_path / "topics.yaml"
    groups = [{"name": f"{group}-b", "offsets": {name: "earliest"}}]
    path.write_text(yaml.safe_dump({"brokers": live.brokers, "groups": groups}))
    for options, expected in (([], "b"), (["--group", f"{group}-[a]"], "a")):
        result = CliRunner().invoke(main, ["lag", "--file", str(path), *options])
        assert result.exit_code == 0
        head, *lines = result.stdout.splitlines()
        assert head.split()[:4] == ["group", "topic", "partition", "committed"]
        assert [line.split()[0] for line in lines] == [f"{group}-{expected}"]


def test_the_exporter_outlives_a_topic_and_a_broker_that_does_not_answer(
    live: LiveLag, kafka: servers.Kafka, topic: Topics, group: str
) -> None:
    kept, deleted = topic(), topic()
    for name in (kept, deleted):
        live.produce(name, now_ms() - 60_000)
        live.commit(group, name, 0)
    with kafka_exporter(live.brokers, (group,), 1.5) as exporter:

        def lag(name: str) -> float | None:
            labels = {"group": group, "topic": name, "partition": "0"}
            return exporter.scrape().value("kamiflow_consumer_lag_records", **labels)

        found = exporter.scrape()
        assert found.value("kamiflow_lag_up", source="kafka") == 1
        assert found.value("kamiflow_consumer_group_lag_records", group=group) == 2
        assert 60 <= (found.value("kamiflow_consumer_group_lag_seconds", group=group) or 0) < 90
        live.admin.delete_topics([deleted])[deleted].result(timeout=30)
        eventually(lambda: lag(deleted) is None)
        assert lag(kept) == 1

        with kafka.paused():
            sees_nothing(exporter)
        eventually(lambda: lag(kept) == 1)


@pytest.mark.slow
def test_the_exporter_outlives_a_broker_that_is_stopped_and_comes_back(
    live: LiveLag, kafka: servers.Kafka, topic: Topics, group: str
) -> None:
    name = topic()
    live.produce(name, now_ms())
    live.commit(group, name, 0)
    labels = {"group": group, "topic": name, "partition": "0"}
    with kafka_exporter(live.brokers, (group,), 1.5) as exporter:

        def lag() -> float | None:
            return exporter.scrape().value("kamiflow_consumer_lag_records", **labels)

        eventually(lambda: lag() == 1)
        with kafka.stopped():
            said = len(exporter.said)
            first = sees_nothing(exporter)
            assert sees_nothing(exporter) == first + 1
        eventually(lambda: lag() == 1)
        away, back = exporter.said[said:]
        assert "check that the brokers are up" in away
        assert back == "kafka answers again"


def test_a_broker_that_is_away_ends_the_one_shot_with_3(
    live: LiveLag, kafka: servers.Kafka
) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(kafka.paused())
        code, rows, told = live.run("any", "--timeout-seconds", "0.5")
    assert (code, rows) == (3, [])
    assert f"Kafka at {live.brokers} does not answer" in told
