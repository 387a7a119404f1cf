"""The steps for topics: made, grown, configured, and deleted where that is allowed."""

from __future__ import annotations

from collections.abc import Iterator

from kami.topics_configs import THROTTLES, did_you_mean, loses_records, same_value
from kami.topics_state import ClusterState, TopicState, is_never_deleted
from kami.topics_steps import (
    ALLOW_DELETE,
    ALLOW_REPARTITION,
    DEFAULT,
    AddPartitions,
    Allowed,
    CreateTopic,
    DeleteTopic,
    Difference,
    Plan,
    SetConfigs,
    Step,
)
from kami.topics_wanted import Wanted, WantedTopic

REPARTITIONED = (
    "a key may be in another partition from then on, and the order of its changes across the two "
    "is lost"
)
LOSES = "the broker may remove records"
REASSIGN = "apply does not move replicas; kafka-reassign-partitions.sh does"


def topic_plan(state: ClusterState, wanted: Wanted, allowed: Allowed) -> Plan:
    steps: list[Step] = []
    left: list[Difference] = []
    refusals: list[str] = []
    for topic in wanted.topics:
        there = state.topics.get(topic.name)
        refusals += _unknown_configs(topic, state)
        if there is None:
            steps.append(_created(topic))
            continue
        if topic.partitions < there.partitions:
            refusals.append(_fewer(topic, there))
        elif topic.partitions > there.partitions:
            grown = _grown(topic, there)
            if grown.needs and not allowed.repartition:
                left.append(grown)
            else:
                steps.append(AddPartitions((grown,), topic.name, topic.partitions))
        left += _replicas(topic, there)
        changes = list(_config_changes(topic, there))
        taken = [(row, value) for row, value in changes if allowed.delete or not row.needs]
        left += [row for row, _ in changes if row.needs and not allowed.delete]
        if taken:
            values = tuple((row.field or "", value) for row, value in taken)
            steps.append(SetConfigs(tuple(row for row, _ in taken), topic.name, values))
    for row in _not_in_file(state, wanted):
        if allowed.delete:
            steps.append(DeleteTopic((row,), row.name))
        else:
            left.append(row)
    return Plan(tuple(steps), tuple(left), tuple(refusals))


def _created(topic: WantedTopic) -> CreateTopic:
    said = [f"partitions={topic.partitions}"]
    if topic.replication_factor is not None:
        said.append(f"replication_factor={topic.replication_factor}")
    said += [f"{name}={value}" for name, value in topic.configs if value is not None]
    row = Difference("create", "topic", topic.name, wanted=" ".join(said), place=topic.place)
    return CreateTopic((row,), topic)


def _unknown_configs(topic: WantedTopic, state: ClusterState) -> Iterator[str]:
    # Without a topic to ask of, the broker says of each step whether it knows the names.
    for name, _ in topic.configs if state.known_configs else ():
        if name not in state.known_configs:
            place = topic.places.get(name, topic.place)
            hint = did_you_mean(name, state.known_configs)
            yield f"{place}: {name!r} is no config of topics of this broker{hint}"


def _fewer(topic: WantedTopic, there: TopicState) -> str:
    return (
        f"{topic.place}: the topic {topic.name!r} has {there.partitions} partitions, and the file "
        f"asks for {topic.partitions}; Kafka takes none away: ask for {there.partitions}, or make "
        "a topic of another name and copy the records"
    )


def _grown(topic: WantedTopic, there: TopicState) -> Difference:
    return Difference(
        "change",
        "topic",
        topic.name,
        "partitions",
        str(there.partitions),
        str(topic.partitions),
        topic.place,
        needs=ALLOW_REPARTITION if topic.keyed else None,
        note=REPARTITIONED if topic.keyed else None,
    )


def _replicas(topic: WantedTopic, there: TopicState) -> Iterator[Difference]:
    factor = topic.replication_factor
    if factor is not None and factor != there.replication_factor:
        yield Difference(
            "report",
            "topic",
            topic.name,
            "replication_factor",
            str(there.replication_factor),
            str(factor),
            topic.place,
            drift=True,
            note=REASSIGN,
        )


def _config_changes(
    topic: WantedTopic, there: TopicState
) -> Iterator[tuple[Difference, str | None]]:
    """Yields (row, value to set; None to set none)."""
    named = dict(topic.configs)
    for name, value in topic.configs:
        has = there.configs.get(name)
        was = has.value if has else None
        is_set = has is not None and has.is_set
        same = not is_set if value is None else same_value(was, value)
        if same:
            continue
        loses = loses_records(name, was, value)
        row = Difference(
            "reset" if value is None else "change",
            "topic",
            topic.name,
            name,
            was,
            DEFAULT if value is None else value,
            topic.places.get(name, topic.place),
            drift=is_set,
            needs=ALLOW_DELETE if loses else None,
            note=LOSES if loses else None,
        )
        yield row, value
    for name, has in sorted(there.configs.items()):
        if has.is_set and name not in named and name not in THROTTLES:
            row = Difference(
                "reset",
                "topic",
                topic.name,
                name,
                has.value,
                DEFAULT,
                topic.place,
                drift=True,
                needs=ALLOW_DELETE,
                note="set on the topic, and not in the file",
            )
            yield row, None


def _not_in_file(state: ClusterState, wanted: Wanted) -> Iterator[Difference]:
    named = {topic.name for topic in wanted.topics}
    # What a group of the file reads is wanted too.
    named |= {one.topic for group in wanted.groups for one in group.offsets}
    for name, there in sorted(state.topics.items()):
        if (
            name not in named
            and wanted.manage.covers_topic(name)
            and not is_never_deleted(name, is_internal=there.is_internal)
        ):
            yield Difference(
                "delete",
                "topic",
                name,
                was=f"partitions={there.partitions}",
                drift=True,
                needs=ALLOW_DELETE,
                note="not in the file",
            )
