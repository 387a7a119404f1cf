"""`kami topics` on a real broker: topics, configs, partitions, drift and deletion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import TopicCollection
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from kami.cli import main
from kami.errors import KamiError
from kami.kafka_broker import Broker
from kami.kafka_steps import Cluster
from kami.topics_apply import take_steps
from kami.topics_file import read_wanted
from kami.topics_plan import plan_of
from kami.topics_steps import Step
from tests.kami.topics.live_topics import Live, eventually
from tests.stack import servers
from tests.stack.databases import fresh_name


@pytest.fixture
def live(kafka: servers.Kafka, tmp_path: Path) -> Iterator[Live]:
    opened = Live(kafka, tmp_path, fresh_name("kt"))
    yield opened
    kafka.repair()
    opened.close()


def set_by_hand(live: Live, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for future in live.admin.incremental_alter_configs([resource]).values():
        future.result(timeout=30)


def made_by_hand(live: Live, topic: str) -> None:
    """The controller says that it is made; the broker shows it a moment later."""
    live.admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(timeout=30)
    eventually(lambda: topic in live.admin.list_topics(timeout=30).topics)


def partitions(live: Live, topic: str) -> int:
    (future,) = live.admin.describe_topics(TopicCollection([topic])).values()
    return len(future.result(timeout=30).partitions)


def test_topics_are_made_changed_and_deleted_as_the_file_says(live: Live) -> None:
    one, two = f"{live.prefix}.one", f"{live.prefix}.two"
    configs = {"cleanup.policy": ["compact", "delete"], "min.cleanable.dirty.ratio": 0.50}
    first = {"name": one, "partitions": 2, "replication_factor": 1, "configs": configs}
    live.write(manage=live.manage(), topics=[first, {"name": two, "partitions": 1}])

    planned = live.plan()
    assert planned.code == 1
    assert planned.texts == [
        f"create topic {one} None>partitions=2 replication_factor=1 "
        "cleanup.policy=compact,delete min.cleanable.dirty.ratio=0.5",
        f"create topic {two} None>partitions=1",
    ]
    assert planned.rows[0]["place"] == f"{live.path}:10:3"
    assert live.plan().texts == planned.texts, "a plan changes nothing"
    live.settled()
    assert partitions(live, one) == 2

    configs |= {"cleanup.policy": "compact", "segment.ms": 60000, "preallocate": True}
    live.write(manage=live.manage(), topics=[{**first, "configs": configs}])
    planned = live.plan()
    assert planned.texts == [
        f"change topic {one} cleanup.policy compact,delete>compact",
        f"change topic {one} preallocate false>true",
        f"change topic {one} segment.ms 604800000>60000",
        f"delete topic {two} partitions=1>None",
    ]
    applied = live.apply()
    assert applied.code == 1
    assert applied.texts == planned.texts[:3]
    assert f"delete topic {two}: partitions=1 (--allow-delete)" in applied.told
    assert partitions(live, two) == 1
    live.settled("--allow-delete")
    assert two not in live.admin.list_topics().topics


def test_what_was_set_by_hand_is_drift_and_goes_with_the_option_alone(live: Live) -> None:
    name = f"{live.prefix}.drift"
    live.write(topics=[{"name": name, "partitions": 1, "configs": {"retention.ms": 5000}}])
    live.settled()
    set_by_hand(live, name, "retention.ms", "9000")
    set_by_hand(live, name, "max.message.bytes", "2000")
    eventually(lambda: len(live.plan().rows) == 2)
    planned = live.plan()
    assert planned.texts == [
        f"change topic {name} retention.ms 9000>5000",
        f"reset topic {name} max.message.bytes 2000>the broker's default",
    ]
    assert [(row["drift"], row["needs"]) for row in planned.rows] == [
        (True, "--allow-delete"),
        (True, "--allow-delete"),
    ]
    assert live.apply().rows == []
    live.settled("--allow-delete")


def test_partitions_grow_by_an_option_and_never_shrink(live: Live) -> None:
    name, log = f"{live.prefix}.keyed", f"{live.prefix}.log"
    topics = [{"name": name, "partitions": 2}, {"name": log, "partitions": 1, "keyed": False}]
    live.write(topics=topics)
    live.settled()
    live.write(topics=[{**topic, "partitions": 3} for topic in topics])
    planned = live.plan()
    assert planned.texts == [
        f"change topic {log} partitions 1>3",
        f"change topic {name} partitions 2>3",
    ]
    assert planned.rows[1]["needs"] == "--allow-repartition"
    assert "order of its changes" in planned.rows[1]["note"]
    assert live.apply().texts == planned.texts[:1]
    assert (partitions(live, log), partitions(live, name)) == (3, 2)
    live.settled("--allow-repartition")
    assert partitions(live, name) == 3

    live.write(topics=topics)
    for refused in (live.plan(), live.apply("--allow-delete", "--allow-repartition")):
        assert refused.code == 2
        assert f"the topic {name!r} has 3 partitions, and the file asks for 2" in refused.told
    assert partitions(live, name) == 3


def test_replicas_are_reported_and_not_moved(live: Live) -> None:
    name = f"{live.prefix}.replicas"
    made_by_hand(live, name)
    live.write(topics=[{"name": name, "partitions": 1, "replication_factor": 3}])
    planned = live.plan()
    assert (planned.code, planned.texts) == (1, [f"report topic {name} replication_factor 1>3"])
    assert "kafka-reassign-partitions.sh" in planned.rows[0]["note"]
    applied = live.apply()
    assert (applied.code, applied.rows) == (1, [])
    assert "kafka-reassign-partitions.sh" in applied.told


def test_internal_topics_and_topics_that_are_not_covered_are_no_drift(live: Live) -> None:
    names = [f"{live.prefix}.in", f"connect-{live.prefix}"]
    for name in names:
        made_by_hand(live, name)
    try:
        live.write(manage={"topics": ["connect-*", "__*", "_schemas"]})
        assert live.plan().rows == []
        assert live.apply("--allow-delete").rows == []
        assert set(names) <= set(live.admin.list_topics().topics)
    finally:
        live.admin.delete_topics(names[1:])[names[1]].result(timeout=30)


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    ("configs", "told"),
    [
        ({"retention.ms": "5d"}, "Invalid value 5d for configuration retention.ms: Not a number"),
        ({"retension.ms": 5}, "did you mean 'retention.ms'?"),
    ],
)
def test_a_config_that_the_broker_does_not_take_is_told_with_its_place(
    live: Live, configs: dict[str, object], told: str, is_there: bool
) -> None:
    name, other = f"{live.prefix}.bad", f"{live.prefix}.other"
    if is_there:
        made_by_hand(live, name)
    bad = {"name": name, "partitions": 1, "configs": configs}
    live.write(topics=[{"name": other, "partitions": 1}, bad])
    for ran in (live.plan("--allow-delete"), live.apply("--allow-delete")):
        assert ran.code == 2, ran
        assert told in ran.told
        assert f"{live.path}:" in ran.told
    assert other not in live.admin.list_topics().topics


def test_a_topic_with_more_replicas_than_brokers_is_refused_before_anything_is_done(
    live: Live,
) -> None:
    names = [f"{live.prefix}.{name}" for name in ("one", "two")]
    topics = [{"name": name, "partitions": 1} for name in names]
    live.write(topics=[topics[0], {**topics[1], "replication_factor": 3}])
    applied = live.apply()
    assert applied.code == 2
    assert "only 1 broker(s) are registered" in applied.told
    assert names[0] not in live.admin.list_topics().topics


def test_a_table_names_what_differs(live: Live) -> None:
    name = f"{live.prefix}.one"
    live.write(topics=[{"name": name, "partitions": 2}])
    arguments = ["topics", "plan", "--file", str(live.path)]
    planned = CliRunner().invoke(main, arguments)
    header, row = planned.stdout.splitlines()
    assert header.split() == [
        "change",
        "kind",
        "name",
        "field",
        "from",
        "to",
        "drift",
        "needs",
        "note",
    ]
    assert row.split() == ["create", "topic", name, "partitions=2"]
    assert planned.exit_code == 1
    applied = CliRunner().invoke(main, ["topics", "apply", "--file", str(live.path)])
    assert applied.stdout == f"create topic {name}: partitions=2\n"
    assert CliRunner().invoke(main, arguments).stderr == "kami: nothing differs\n"


def test_a_broker_that_stops_answering_is_told(live: Live) -> None:
    live.write(topics=[{"name": live.prefix, "partitions": 1}])
    wanted = read_wanted(live.path)
    said: list[Step] = []
    with Broker(wanted, seconds=3) as broker:
        cluster = Cluster(broker, wanted)
        (step,) = plan_of(cluster.state(), wanted).steps
        with live.kafka.paused(), pytest.raises(KamiError) as caught:
            take_steps([step], cluster, said.append)
    assert caught.value.exit_code == 3
    assert "check that the brokers are up" in str(caught.value)
    assert "done before that, 0 of 1 steps" in str(caught.value)
    assert said == []
    # It may take the step that it did not answer, or count as dead for a moment.
    eventually(lambda: live.apply().code == 0)
    assert live.plan().rows == []


def test_a_broker_that_is_away_is_told(live: Live) -> None:
    live.write(topics=[{"name": "a", "partitions": 1}], brokers="127.0.0.1:1")
    for command in ("plan", "apply"):
        ran = live.run(command, "--timeout-seconds", "0.5")
        assert ran.code == 3
        assert "Kafka at 127.0.0.1:1 does not answer" in ran.told
        assert "Connection refused" in ran.told
