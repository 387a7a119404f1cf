"""The steps for where consumer groups begin."""

from __future__ import annotations

from collections.abc import Iterator

from kami.topics_state import ClusterState, GroupState
from kami.topics_steps import Allowed, Difference, Plan, SetOffsets, Step
from kami.topics_wanted import EARLIEST, LATEST, Target, Wanted, WantedGroup, WantedOffset

_NO_GROUP = GroupState()


def offset_plan(state: ClusterState, wanted: Wanted, allowed: Allowed) -> Plan:
    steps: list[Step] = []
    left: list[Difference] = []
    refusals: list[str] = []
    for group in wanted.groups:
        there = state.groups.get(group.name, _NO_GROUP)
        rows: list[Difference] = []
        offsets: list[tuple[str, int, int]] = []
        for one, partition in _partitions(state, wanted, group, allowed, refusals):
            committed = there.committed.get((one.topic, partition))
            if committed is not None and not allowed.reset_offsets:
                # Where a group stands once it works is its own affair.
                continue
            offset = _offset(state, one, partition, refusals)
            if offset is None or offset == committed:
                continue
            rows.append(_row(group, one, partition, committed, offset, there.members))
            offsets.append((one.topic, partition, offset))
        if there.members:
            left += rows
        elif rows:
            steps.append(SetOffsets(tuple(rows), group.name, tuple(offsets)))
    return Plan(tuple(steps), tuple(left), tuple(refusals))


def _partitions(
    state: ClusterState,
    wanted: Wanted,
    group: WantedGroup,
    allowed: Allowed,
    refusals: list[str],
) -> Iterator[tuple[WantedOffset, int]]:
    """Yields each partition once, with what is asked for it."""
    single = {(one.topic, one.partition) for one in group.offsets if one.partition is not None}
    for one in group.offsets:
        count = _count(state, wanted, one.topic, allowed)
        if not count:
            refusals.append(
                f"{one.place}: there is no topic {one.topic!r} for the group {group.name!r}; add "
                "it to `topics`, or correct its name"
            )
        elif one.partition is None:
            for partition in range(count):
                if (one.topic, partition) not in single:
                    yield one, partition
        elif one.partition < count:
            yield one, one.partition
        else:
            refusals.append(
                f"{one.place}: the topic {one.topic!r} has no partition {one.partition}; it has "
                f"{count}, counted from 0"
            )


def _count(state: ClusterState, wanted: Wanted, topic: str, allowed: Allowed) -> int:
    """How many partitions the topic has once all other steps are taken."""
    there = state.topics.get(topic)
    count = there.partitions if there else 0
    for one in wanted.topics:
        if one.name == topic and (not there or allowed.repartition or not one.keyed):
            count = max(count, one.partitions)
    return count


def _offset(
    state: ClusterState, one: WantedOffset, partition: int, refusals: list[str]
) -> int | None:
    def edge(target: Target) -> int:
        # A partition that is to be made is empty.
        return state.edges.get((one.topic, partition, target), 0)

    if one.target.kind != "offset":
        found = edge(one.target)
        # No record is as young as that: the group begins with the next.
        return edge(LATEST) if found < 0 else found
    low, high = edge(EARLIEST), edge(LATEST)
    if low <= one.target.value <= high:
        return one.target.value
    refusals.append(
        f"{one.place}: the offset is {one.target.value}; partition {partition} of {one.topic!r} "
        f"has {low} to {high}: a group would go back to its auto.offset.reset"
    )
    return None


def _row(
    group: WantedGroup,
    one: WantedOffset,
    partition: int,
    committed: int | None,
    offset: int,
    members: int,
) -> Difference:
    return Difference(
        "create" if committed is None else "change",
        "group",
        group.name,
        f"{one.topic} {partition}",
        None if committed is None else str(committed),
        str(offset),
        one.place,
        needs=f"no members, has {members}" if members else None,
        note="stop the group's consumers first" if members else None,
    )
