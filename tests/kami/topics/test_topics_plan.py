"""The plan, case by case."""

from __future__ import annotations

import pytest

from kami.topics_plan import plan_of
from kami.topics_state import ClusterState, GroupState, TopicState
from kami.topics_steps import Allowed, DeleteAcl, Difference, Plan
from kami.topics_wanted import (
    EARLIEST,
    LATEST,
    Acl,
    Managed,
    Target,
    Wanted,
    WantedAcl,
    WantedGroup,
    WantedOffset,
    WantedTopic,
    WantedUser,
)
from tests.kami.topics.model_cluster import topic_state

READ = Acl("User:shop", "*", "READ", "ALLOW", "topic", "shop.", "PREFIXED")
WRITE = Acl("User:shop", "*", "WRITE", "ALLOW", "topic", "shop.", "PREFIXED")
NO_WRITE = Acl("User:shop", "*", "WRITE", "DENY", "topic", "shop.", "PREFIXED")


def of_topic(there: TopicState | None, *, allowed: Allowed, **wanted: object) -> Plan:
    state = ClusterState(topics={"shop.a": there} if there else {})
    topic = WantedTopic("shop.a", **{"partitions": 3, **wanted})  # type: ignore[arg-type]
    return plan_of(state, Wanted(topics=(topic,)), allowed)


def text(rows: tuple[Difference, ...]) -> list[str]:
    return [f"{row}{f' [{row.needs}]' if row.needs else ''}" for row in rows]


TOPIC_CASES = {
    "a topic that is missing is made": (
        None,
        {"replication_factor": 2, "configs": (("retention.ms", "5"), ("preallocate", None))},
        ["create topic shop.a: partitions=3 replication_factor=2 retention.ms=5"],
    ),
    "one that is there is left alone": (topic_state(3), {}, []),
    "the broker's default is no drift": (topic_state(3), {"replication_factor": 1}, []),
    "a default that is asked for is there": (
        topic_state(3),
        {"configs": (("retention.ms", "0604800000"), ("preallocate", "FALSE"))},
        [],
    ),
    "a config that differs is changed": (
        topic_state(3, retention_ms="5"),
        {"configs": (("retention.ms", "50"),)},
        ["change topic shop.a retention.ms: 5 -> 50"],
    ),
    "less retention needs the option": (
        topic_state(3),
        {"configs": (("retention.ms", "5"),)},
        ["change topic shop.a retention.ms: 604800000 -> 5 [--allow-delete]"],
    ),
    "retention from endless needs the option": (
        topic_state(3, retention_ms="-1"),
        {"configs": (("retention.ms", "604800000"),)},
        ["change topic shop.a retention.ms: -1 -> 604800000 [--allow-delete]"],
    ),
    "compaction needs the option": (
        topic_state(3),
        {"configs": (("cleanup.policy", "compact"),)},
        ["change topic shop.a cleanup.policy: delete -> compact [--allow-delete]"],
    ),
    "compaction that ends does not": (
        topic_state(3, cleanup_policy="delete,compact"),
        {"configs": (("cleanup.policy", "compact"),)},
        ["change topic shop.a cleanup.policy: delete,compact -> compact"],
    ),
    "the same list in another order is the same": (
        topic_state(3, cleanup_policy="delete,compact"),
        {"configs": (("cleanup.policy", "compact, delete"),)},
        [],
    ),
    "a config that the file does not name is drift": (
        topic_state(3, min_insync_replicas="2"),
        {},
        ["reset topic shop.a min.insync.replicas: 2 -> the broker's default [--allow-delete]"],
    ),
    "null asks for the default": (
        topic_state(3, min_insync_replicas="2"),
        {"configs": (("min.insync.replicas", None),)},
        ["reset topic shop.a min.insync.replicas: 2 -> the broker's default"],
    ),
    "null of what keeps records needs the option": (
        topic_state(3, retention_ms="5"),
        {"configs": (("retention.ms", None),)},
        ["reset topic shop.a retention.ms: 5 -> the broker's default [--allow-delete]"],
    ),
    "a reassignment's throttle is no drift": (
        topic_state(3, leader_replication_throttled_replicas="0:1"),
        {},
        [],
    ),
    "more partitions of a keyed topic need the option": (
        topic_state(2),
        {},
        ["change topic shop.a partitions: 2 -> 3 [--allow-repartition]"],
    ),
    "more partitions of a topic without keys do not": (
        topic_state(2),
        {"keyed": False},
        ["change topic shop.a partitions: 2 -> 3"],
    ),
    "replicas are reported": (
        topic_state(3, 2),
        {"replication_factor": 3},
        ["report topic shop.a replication_factor: 2 -> 3"],
    ),
}


@pytest.mark.parametrize(("there", "wanted", "expected"), TOPIC_CASES.values(), ids=TOPIC_CASES)
def test_a_topic(there: TopicState | None, wanted: dict[str, object], expected: list[str]) -> None:
    found = of_topic(there, allowed=Allowed(), **wanted)
    assert text(found.differences) == expected
    # What needs an option is no step without it, and is one with it.
    assert all(not row.needs for step in found.steps for row in step.differences)
    allowed = of_topic(there, allowed=Allowed(delete=True, repartition=True), **wanted)
    assert [row.change for row in allowed.left] == ["report"] * len(allowed.left)
    assert sorted(text(allowed.differences)) == sorted(expected)


def test_fewer_partitions_are_refused_with_what_to_do() -> None:
    topic = WantedTopic("shop.a", 2, place="topics.yaml:9:5")
    state = ClusterState(topics={"shop.a": topic_state(3)})
    found = plan_of(state, Wanted(topics=(topic,)), Allowed(delete=True, repartition=True))
    assert found.steps == ()
    assert found.refusals == (
        "topics.yaml:9:5: the topic 'shop.a' has 3 partitions, and the file asks for 2; Kafka "
        "takes none away: ask for 3, or make a topic of another name and copy the records",
    )


def test_an_unknown_config_is_told_with_its_place_and_the_nearest_name() -> None:
    topic = WantedTopic("a", 1, configs=(("retension.ms", "5"),), places={"retension.ms": "f:3:9"})
    state = ClusterState(known_configs=frozenset({"retention.ms", "segment.ms"}))
    (refusal,) = plan_of(state, Wanted(topics=(topic,))).refusals
    assert refusal == (
        "f:3:9: 'retension.ms' is no config of topics of this broker; did you mean 'retention.ms'?"
    )


def test_topics_that_the_file_covers_and_does_not_name_are_drift() -> None:
    there = {name: topic_state() for name in ("shop.a", "shop.b", "shop.c", "bank.a")}
    there |= {"shop.in": topic_state(is_internal=True), "connect-offsets": topic_state()}
    there |= {"__consumer_offsets": topic_state(), "_schemas": topic_state()}
    group = WantedGroup("g", (WantedOffset("shop.c", None, EARLIEST),))
    wanted = Wanted(
        manage=Managed(topics=("shop.*", "_*", "connect*")),
        topics=(WantedTopic("shop.a", 1),),
        groups=(group,),
    )
    state = ClusterState(topics=there, groups={"g": GroupState(0, {("shop.c", 0): 0})})
    found = plan_of(state, wanted)
    assert text(found.left) == ["delete topic shop.b: partitions=1 [--allow-delete]"]
    assert found.left[0].drift
    assert [step.place for step in found.steps] == []


def test_who_is_denied_is_denied_first_and_to_the_last() -> None:
    file = Wanted(manage=Managed(acls=("User:*",)), acls=(WantedAcl(WRITE), WantedAcl(NO_WRITE)))
    made = plan_of(ClusterState(), file).steps
    assert [row.name for step in made for row in step.differences] == [str(NO_WRITE), str(WRITE)]
    nothing = Wanted(manage=Managed(acls=("User:*",)))
    state = ClusterState(acls=frozenset({WRITE, NO_WRITE}))
    gone = plan_of(state, nothing, Allowed(delete=True)).steps
    assert [step.acl for step in gone if isinstance(step, DeleteAcl)] == [WRITE, NO_WRITE]


def test_a_rule_is_made_before_the_one_that_it_replaces_goes() -> None:
    wanted = Wanted(manage=Managed(acls=("User:shop",)), acls=(WantedAcl(WRITE),))
    state = ClusterState(acls=frozenset({READ}))
    assert text(plan_of(state, wanted).differences) == [
        "create acl User:shop may WRITE topic shop.*",
        "delete acl User:shop may READ topic shop.* [--allow-delete]",
    ]
    assert [step.phase for step in plan_of(state, wanted, Allowed(delete=True)).steps] == [5, 7]


USER = WantedUser("shop", "SCRAM-SHA-512", 8192)
USER_CASES = {
    "missing": ({}, (), ["create user shop SCRAM-SHA-512: 8192 iterations"]),
    "of another mechanism": (
        {("shop", "SCRAM-SHA-256"): 8192},
        (),
        [
            "create user shop SCRAM-SHA-512: 8192 iterations",
            "delete user shop SCRAM-SHA-256 [--allow-delete]",
        ],
    ),
    "with other iterations": (
        {("shop", "SCRAM-SHA-512"): 4096},
        (),
        ["change user shop SCRAM-SHA-512: 4096 iterations -> 8192 iterations"],
    ),
    "there": ({("shop", "SCRAM-SHA-512"): 8192}, (), []),
    "there, and to be rotated": (
        {("shop", "SCRAM-SHA-512"): 8192},
        ("sh*",),
        ["change user shop SCRAM-SHA-512: the password anew"],
    ),
    "there, and another is to be rotated": ({("shop", "SCRAM-SHA-512"): 8192}, ("x",), []),
}


@pytest.mark.parametrize(("there", "rotate", "expected"), USER_CASES.values(), ids=USER_CASES)
def test_a_user(
    there: dict[tuple[str, str], int], rotate: tuple[str, ...], expected: list[str]
) -> None:
    wanted = Wanted(manage=Managed(users=("*",)), users=(USER,))
    found = plan_of(ClusterState(users=there), wanted, Allowed(rotate=rotate))
    assert text(found.differences) == expected


def offsets(
    *offsets: WantedOffset, group: GroupState | None = None, allowed: Allowed | None = None
) -> Plan:
    edges = {("a", number, target): at for number in (0, 1) for target, at in EDGES.items()}
    state = ClusterState(
        topics={"a": topic_state(2)}, groups={"g": group} if group else {}, edges=edges
    )
    topics = (WantedTopic("new", 1),)
    wanted = Wanted(topics=topics, groups=(WantedGroup("g", offsets),))
    found = plan_of(state, wanted, allowed or Allowed())
    return Plan(found.steps[1:], found.left, found.refusals)


TOO_LATE = Target("time", 99)
EDGES = {EARLIEST: 5, LATEST: 9, Target("time", 50): 7, TOO_LATE: -1}
OFFSET_CASES = {
    "earliest": (WantedOffset("a", None, EARLIEST), ["a 0: 5", "a 1: 5"]),
    "latest": (WantedOffset("a", 1, LATEST), ["a 1: 9"]),
    "a time": (WantedOffset("a", 0, Target("time", 50)), ["a 0: 7"]),
    "a time after all records": (WantedOffset("a", 0, TOO_LATE), ["a 0: 9"]),
    "an offset": (WantedOffset("a", 0, Target("offset", 6)), ["a 0: 6"]),
    "a topic that is made before": (WantedOffset("new", None, LATEST), ["new 0: 0"]),
}


@pytest.mark.parametrize(("wanted", "expected"), OFFSET_CASES.values(), ids=OFFSET_CASES)
def test_an_offset(wanted: WantedOffset, expected: list[str]) -> None:
    assert text(offsets(wanted).differences) == [f"create group g {line}" for line in expected]


def test_offsets_that_a_group_has_are_set_by_an_option_alone() -> None:
    has = GroupState(0, {("a", 0): 8})
    every = WantedOffset("a", None, EARLIEST)
    assert text(offsets(every, group=has).differences) == ["create group g a 1: 5"]
    reset = offsets(every, group=has, allowed=Allowed(reset_offsets=True))
    assert text(reset.differences) == ["change group g a 0: 8 -> 5", "create group g a 1: 5"]
    assert len(reset.steps) == 1


def test_a_partition_that_is_named_is_not_meant_by_all() -> None:
    found = offsets(WantedOffset("a", None, EARLIEST), WantedOffset("a", 1, LATEST))
    assert text(found.differences) == ["create group g a 0: 5", "create group g a 1: 9"]


def test_a_group_with_members_is_left() -> None:
    found = offsets(WantedOffset("a", 0, EARLIEST), group=GroupState(2))
    assert found.steps == ()
    assert text(found.left) == ["create group g a 0: 5 [no members, has 2]"]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (WantedOffset("b", None, EARLIEST), "there is no topic 'b' for the group 'g'"),
        (WantedOffset("a", 2, EARLIEST), "the topic 'a' has no partition 2; it has 2"),
        (WantedOffset("a", 0, Target("offset", 4)), "the offset is 4; partition 0 of 'a' has 5"),
        (WantedOffset("a", 0, Target("offset", 10)), "the offset is 10; partition 0 of 'a' has 5"),
    ],
)
def test_an_offset_that_cannot_be_had_is_refused(wanted: WantedOffset, told: str) -> None:
    found = offsets(wanted)
    assert told in found.refusals[0]
    assert found.steps == ()
