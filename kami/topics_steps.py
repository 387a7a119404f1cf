"""The steps from what a cluster has to what a file asks for."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from kami.topics_configs import same_value
from kami.topics_state import ClusterState
from kami.topics_wanted import Acl, WantedTopic, WantedUser

ALLOW_DELETE = "--allow-delete"
ALLOW_REPARTITION = "--allow-repartition"
DEFAULT = "the broker's default"


@dataclasses.dataclass(frozen=True)
class Difference:
    """A row of the plan.

    Args:
        change: create, change, reset, delete, or report for what apply does not do.
        kind: topic, acl, user or group.
        field: what of it, such as `partitions` or a config's name.
        drift: whether the cluster has what somebody set there, and the file does not say.
        needs: the option without which apply leaves it.
        note: what to know before, or to do instead.
    """

    change: str
    kind: str
    name: str
    field: str | None = None
    was: str | None = None
    wanted: str | None = None
    place: str | None = None
    drift: bool = False
    needs: str | None = None
    note: str | None = None

    def __str__(self) -> str:
        words = [self.change, self.kind, self.name]
        if self.field:
            words.append(self.field)
        text = " ".join(words)
        if self.was is not None:
            text += f": {self.was} -> {self.wanted}" if self.wanted is not None else f": {self.was}"
        elif self.wanted is not None:
            text += f": {self.wanted}"
        return text


@dataclasses.dataclass(frozen=True)
class Step:
    """One request to the cluster, and the rows that it settles."""

    phase: ClassVar[int]

    differences: tuple[Difference, ...] = dataclasses.field(compare=False)

    @property
    def place(self) -> str | None:
        return self.differences[0].place

    def __str__(self) -> str:
        return "; ".join(map(str, self.differences))

    def seen(self, state: ClusterState) -> bool:
        """Whether the cluster shows that the step was taken."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class CreateTopic(Step):
    phase = 1
    topic: WantedTopic

    def seen(self, state: ClusterState) -> bool:
        there = state.topics.get(self.topic.name)
        return there is not None and there.partitions >= self.topic.partitions


@dataclasses.dataclass(frozen=True)
class AddPartitions(Step):
    phase = 2
    topic: str
    total: int

    def seen(self, state: ClusterState) -> bool:
        there = state.topics.get(self.topic)
        return there is not None and there.partitions >= self.total


@dataclasses.dataclass(frozen=True)
class SetConfigs(Step):
    """
    Args:
        values: (name, value); None: the topic is to say nothing of it.
    """

    phase = 3
    topic: str
    values: tuple[tuple[str, str | None], ...]

    def seen(self, state: ClusterState) -> bool:
        there = state.topics.get(self.topic)
        if there is None:
            return False
        found = {name: there.configs.get(name) for name, _ in self.values}
        return all(
            not (has and has.is_set)
            if value is None
            else has is not None and same_value(has.value, value)
            for (_, value), has in zip(self.values, found.values(), strict=True)
        )


@dataclasses.dataclass(frozen=True)
class SetUser(Step):
    phase = 4
    user: WantedUser

    def seen(self, state: ClusterState) -> bool:
        return state.users.get((self.user.name, self.user.mechanism)) == self.user.iterations


@dataclasses.dataclass(frozen=True)
class CreateAcl(Step):
    phase = 5
    acl: Acl

    def seen(self, state: ClusterState) -> bool:
        return self.acl in state.acls


@dataclasses.dataclass(frozen=True)
class SetOffsets(Step):
    """
    Args:
        offsets: (topic, partition, offset).
    """

    phase = 6
    group: str
    offsets: tuple[tuple[str, int, int], ...]

    def seen(self, state: ClusterState) -> bool:
        there = state.groups.get(self.group)
        return there is not None and all(
            there.committed.get((topic, partition)) == offset
            for topic, partition, offset in self.offsets
        )


@dataclasses.dataclass(frozen=True)
class DeleteAcl(Step):
    phase = 7
    acl: Acl

    def seen(self, state: ClusterState) -> bool:
        return self.acl not in state.acls


@dataclasses.dataclass(frozen=True)
class DeleteUser(Step):
    phase = 8
    user: str
    mechanism: str

    def seen(self, state: ClusterState) -> bool:
        return (self.user, self.mechanism) not in state.users


@dataclasses.dataclass(frozen=True)
class DeleteTopic(Step):
    phase = 9
    topic: str

    def seen(self, state: ClusterState) -> bool:
        return self.topic not in state.topics


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to do.

    Args:
        steps: in the order in which they are safe.
        left: what differs, and no step settles.
        refusals: why the file cannot be had at all; nothing is done while there is one.
    """

    steps: tuple[Step, ...] = ()
    left: tuple[Difference, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (*(row for step in self.steps for row in step.differences), *self.left)


@dataclasses.dataclass(frozen=True)
class Allowed:
    """What the caller takes the consequences of.

    Args:
        rotate: patterns of users whose passwords are sent anew.
    """

    delete: bool = False
    repartition: bool = False
    reset_offsets: bool = False
    rotate: tuple[str, ...] = ()
