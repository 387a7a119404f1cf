"""`kami topics` on a real broker: ACLs, SCRAM users, offsets, and users without rights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer

from tests.kami.topics.live_topics import Live, eventually
from tests.stack import servers
from tests.stack.databases import fresh_name


@pytest.fixture
def live(kafka: servers.Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setenv("KAMI_TEST_PASSWORD", "first-password")
    monkeypatch.setenv("STRANGER_PASSWORD", kafka.text("stranger_password"))
    opened = Live(kafka, tmp_path, fresh_name("kt"))
    yield opened
    opened.close()


def user(live: Live, **more: Any) -> dict[str, Any]:
    reference = "${KAMI_TEST_PASSWORD}"
    return {"name": live.prefix, "mechanism": "SCRAM-SHA-256", "password": reference, **more}


def rule(live: Live, operation: Any, **more: Any) -> dict[str, Any]:
    return {
        "principal": f"User:{live.prefix}",
        "operation": operation,
        "resource_type": "topic",
        "name": live.prefix,
        "pattern": "PREFIXED",
        **more,
    }


def logs_in(live: Live, password: str) -> bool:
    """Whether the test's user can log in, as a plan by that user shows."""
    login = live.login(live.prefix, "SCRAM-SHA-256", password)
    before = live.path.read_text(encoding="utf-8")
    live.write(**login)
    ran = live.plan()
    live.path.write_text(before, encoding="utf-8")
    assert ran.code == 0 or "Authentication failed" in ran.told, ran
    return ran.code == 0


def test_a_user_logs_in_with_the_password_that_was_sent_last(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.write(manage=live.manage(), users=[user(live)])
    planned = live.plan()
    assert planned.texts == [f"create user {live.prefix} SCRAM-SHA-256 None>4096 iterations"]
    assert "first-password" not in planned.told + str(planned.rows)
    live.settled()
    eventually(lambda: logs_in(live, "env://KAMI_TEST_PASSWORD"))

    monkeypatch.setenv("KAMI_TEST_PASSWORD", "second-password")
    assert live.plan().rows == [], "Kafka shows no password"
    assert not logs_in(live, "env://KAMI_TEST_PASSWORD")
    rotated = live.apply("--rotate-passwords", f"{live.prefix}*")
    assert rotated.texts == [f"change user {live.prefix} SCRAM-SHA-256 None>the password anew"]
    eventually(lambda: logs_in(live, "env://KAMI_TEST_PASSWORD"))

    live.write(manage=live.manage(), users=[user(live, iterations=8192)])
    assert live.plan().texts == [
        f"change user {live.prefix} SCRAM-SHA-256 4096 iterations>8192 iterations"
    ]
    live.settled()
    live.write(manage=live.manage())
    assert live.plan().texts == [f"delete user {live.prefix} SCRAM-SHA-256"]
    assert live.apply().code == 1
    live.settled("--allow-delete")


def test_a_user_to_rotate_that_the_file_lacks_is_told(live: Live) -> None:
    live.write(users=[user(live)])
    ran = live.plan("--rotate-passwords", "someone")
    assert ran.code == 2
    assert f"'someone' is no user of {live.path}; it has: {live.prefix}" in ran.told


def test_a_password_that_cannot_be_had_stops_before_anything_is_done(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAMI_TEST_PASSWORD")
    live.write(topics=[{"name": live.prefix, "partitions": 1}], users=[user(live)])
    assert live.plan().code == 1, "a plan needs no password"
    applied = live.apply()
    assert (applied.code, applied.rows) == (2, [])
    assert "'KAMI_TEST_PASSWORD' is not set" in applied.told
    assert live.prefix not in live.admin.list_topics().topics


def test_rules_are_made_replaced_and_deleted(live: Live) -> None:
    cluster = {"principal": f"User:{live.prefix}", "operation": "DESCRIBE"}
    rules = [
        rule(live, ["READ", "DESCRIBE"]),
        rule(live, "WRITE", permission="DENY", host="10.0.0.7"),
        {**cluster, "resource_type": "cluster"},
        {**cluster, "resource_type": "group", "name": live.prefix},
        {**cluster, "resource_type": "transactional_id", "name": live.prefix},
    ]
    live.write(manage=live.manage(), acls=rules)
    planned = live.plan()
    may = f"create acl User:{live.prefix} may"
    assert planned.texts == [
        f"{may} not WRITE topic {live.prefix}* from 10.0.0.7",
        f"{may} READ topic {live.prefix}*",
        f"{may} DESCRIBE topic {live.prefix}*",
        f"{may} DESCRIBE cluster kafka-cluster",
        f"{may} DESCRIBE group {live.prefix}",
        f"{may} DESCRIBE transactional_id {live.prefix}",
    ]
    live.settled()
    live.write(manage=live.manage(), acls=[rule(live, ["WRITE", "DESCRIBE"])])
    applied = live.apply()
    assert applied.code == 1
    assert applied.texts == [f"{may} WRITE topic {live.prefix}*"]
    assert len(live.plan().rows) == 5
    live.settled("--allow-delete")


def test_a_rule_lets_a_user_in_and_who_has_none_is_told_which_one(live: Live) -> None:
    name = f"{live.prefix}.one"
    file = {"topics": [{"name": name, "partitions": 1}], "users": [user(live)]}
    live.write(**file)
    live.settled()

    def as_user(**keys: Any) -> None:
        live.write(**live.login(live.prefix, "SCRAM-SHA-256", "${KAMI_TEST_PASSWORD}"), **keys)

    eventually(lambda: logs_in(live, "env://KAMI_TEST_PASSWORD"))
    as_user(topics=file["topics"])
    refused = live.plan()
    assert refused.code == 2
    assert f"describing topic {name!r}" in refused.told
    assert "needs DESCRIBE on the topic" in refused.told
    for keys in ({"acls": [rule(live, "READ")]}, {"users": [user(live)]}):
        as_user(**keys)
        refused = live.plan()
        assert (refused.code, "needs DESCRIBE on the cluster" in refused.told) == (2, True)

    live.write(**file, acls=[rule(live, ["DESCRIBE", "DESCRIBE_CONFIGS"])])
    live.settled()
    as_user(topics=file["topics"])
    assert live.plan().code == 0

    as_user(topics=[{"name": f"{live.prefix}.two", "partitions": 1}])
    planned = live.plan()
    assert (planned.code, len(planned.rows)) == (1, 1)
    assert "not checked: create topic" in planned.told
    applied = live.apply()
    assert applied.code == 2
    assert f"needs CREATE on the topic '{live.prefix}.two' or on the cluster" in applied.told
    assert "done before that, 0 of 1 steps" in applied.told

    group = {"name": live.prefix, "offsets": {name: "earliest"}}
    as_user(groups=[group])
    refused = live.plan()
    assert (refused.code, "needs DESCRIBE on the group" in refused.told) == (2, True)
    cluster = {"resource_type": "cluster", "name": "kafka-cluster", "pattern": "LITERAL"}
    live.write(**file, acls=[rule(live, "DESCRIBE", **cluster)])
    assert live.apply().code == 0
    as_user(acls=[rule(live, "READ")])
    assert live.plan().code == 1
    applied = live.apply()
    assert applied.code == 2
    assert "not allowed (CLUSTER_AUTHORIZATION_FAILED)" in applied.told
    assert "needs ALTER on the cluster" in applied.told


def test_a_wrong_password_is_told_at_once(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRANGER_PASSWORD", "not-the-password")
    live.write(**live.login("stranger", "PLAIN", "env://STRANGER_PASSWORD"))
    ran = live.plan()
    assert ran.code == 2
    assert "check the user, the password and sasl.mechanism" in ran.told
    assert "not-the-password" not in ran.told


@pytest.mark.parametrize(
    ("client", "told"),
    [
        ({"sasl.user": "a"}, 'topics.yaml:3:14: .*No such configuration property: "sasl.user"'),
        ({"security.protocol": "TLS"}, 'topics.yaml:3:22: .*Invalid value "TLS"'),
    ],
)
def test_a_wrong_property_is_told_with_its_place(
    live: Live, client: dict[str, str], told: str
) -> None:
    live.write(client=client)
    ran = live.plan()
    assert ran.code == 2
    assert re.search(told, ran.told), ran.told


def committed(live: Live) -> dict[int, int]:
    asked = [ConsumerGroupTopicPartitions(live.prefix)]
    (future,) = live.admin.list_consumer_group_offsets(asked).values()
    return {one.partition: one.offset for one in future.result(timeout=30).topic_partitions}


def test_offsets_are_set_where_there_are_none_and_reset_by_an_option(live: Live) -> None:
    name = f"{live.prefix}.read"
    file: dict[str, Any] = {"topics": [{"name": name, "partitions": 3}]}
    live.write(**file, groups=[{"name": live.prefix, "offsets": {name: "latest"}}])
    assert len(live.apply().rows) == 4, "a group can begin in a topic that is made with it"
    assert committed(live) == {0: 0, 1: 0, 2: 0}

    producer = Producer({"bootstrap.servers": live.kafka.brokers})
    for number in range(30):
        moment = 1_700_000_000_000 + 1000 * number
        producer.produce(name, b"x", partition=number % 3, timestamp=moment)
    producer.flush(30)
    offsets = {0: "earliest", 1: "latest", 2: "2023-11-14T22:13:30Z"}
    live.write(**file, groups=[{"name": live.prefix, "offsets": {name: offsets}}])
    assert live.plan().rows == [], "the group has offsets"
    assert live.plan("--reset-offsets").texts == [
        f"change group {live.prefix} {name} 1 0>10",
        f"change group {live.prefix} {name} 2 0>3",
    ]
    live.settled("--reset-offsets")
    assert committed(live) == {0: 0, 1: 10, 2: 3}
    assert live.plan("--reset-offsets").rows == []

    live.write(**file, groups=[{"name": live.prefix, "offsets": {name: {0: 11}}}])
    refused = live.plan("--reset-offsets")
    assert refused.code == 2
    assert f"the offset is 11; partition 0 of {name!r} has 0 to 10" in refused.told


def test_a_group_with_members_is_left_alone(live: Live) -> None:
    name = f"{live.prefix}.read"
    file = {"topics": [{"name": name, "partitions": 1}]}
    live.write(**file)
    live.settled()
    consumer = Consumer({"bootstrap.servers": live.kafka.brokers, "group.id": live.prefix})
    consumer.subscribe([name])
    eventually(lambda: consumer.poll(0.1) is not None or bool(consumer.assignment()))
    live.write(**file, groups=[{"name": live.prefix, "offsets": {name: "earliest"}}])
    try:
        planned = live.plan()
        assert [row["needs"] for row in planned.rows] == ["no members, has 1"]
        applied = live.apply()
        assert (applied.code, applied.rows) == (1, [])
        assert committed(live) == {}
    finally:
        consumer.close()
    live.settled()
    assert committed(live) == {0: 0}


def test_what_is_exported_is_a_file_by_which_nothing_differs(live: Live) -> None:
    configs = {"retention.ms": 5000, "preallocate": True, "cleanup.policy": "compact,delete"}
    live.write(
        topics=[{"name": live.prefix, "partitions": 2, "configs": configs}],
        users=[user(live)],
        acls=[rule(live, ["READ", "DESCRIBE"])],
    )
    live.settled()
    options = ("--topics", "--acls", "--users")
    patterns = (live.prefix, f"User:{live.prefix}", live.prefix)
    chosen = [word for pair in zip(options, patterns, strict=True) for word in pair]
    text = live.text("export", *chosen)
    assert yaml.safe_load(text)["topics"][0]["configs"] == configs
    live.path.write_text(text, encoding="utf-8")
    planned = live.plan()
    assert (planned.code, planned.rows) == (0, [])
